"""`python -m face_classifier` is `face-classifier`."""

import sys

from face_classifier.cli import main

sys.exit(main())
