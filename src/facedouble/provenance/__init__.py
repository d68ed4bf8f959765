"""Marking results as synthetic so that machines can read it, and reading that back.

Every file carries three marks. *Content credentials* (C2PA specification 2.x) say in a signed manifest
what was done, by which program, and to which source, and are bound to the file by hashes: any change
shows. *XMP* carries the IPTC digital source type. The *AIGC label* is the implicit label of China's
GB 45438-2025. The last two are plain text, which any program can read, change or lose.
"""
