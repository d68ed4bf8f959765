"""Face detectors behind one Protocol; ``faces.registry.DETECTORS`` names them.

All boxes are converted to those of dlib's HOG detector, because dlib's landmark predictor was trained on
them: squares from forehead to chin, about as wide as the face. Here, a face of n pixels is one whose box has
that side.
"""
