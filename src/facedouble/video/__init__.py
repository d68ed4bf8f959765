"""Reading and writing clips and folders of images, through one source and one sink."""
