"""Machine-readable marks that say a file is synthetic, and their verification.

Every result carries three marks. *Content credentials* (C2PA specification 2.x) are a signed manifest that
names the edit, the program and the source; hashes bind it to the file, so any later change shows. *XMP*
carries the IPTC digital source type. The *AIGC label* is the implicit label of China's GB 45438-2025. XMP
and AIGC label are plain text: any program can read, change or drop them.
"""
