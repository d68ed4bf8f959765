"""Projects: people, clips and results in one file; what is missing; and jobs that outlive the terminal."""
