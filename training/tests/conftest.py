import sys
from pathlib import Path

TRAINING = Path(__file__).resolve().parents[1]
SHARED = TRAINING.parents[1] / "shared"
sys.path.insert(0, str(TRAINING))
