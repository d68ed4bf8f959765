"""Pretrained networks that measure or find faces; the networks that are trained here are in ``models``."""
