"""`python -m face_classifier` is `face-classifier`."""

import signal
import sys

signal.signal(signal.SIGINT, signal.SIG_DFL)  # while it is being loaded there is nothing to save

from face_classifier.cli.main import main  # noqa: E402

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main())
