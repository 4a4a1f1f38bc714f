"""`python -m ondol` is the `ondol` command."""

import sys

from ondol.commands import main

sys.exit(main())
