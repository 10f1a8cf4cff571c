package main

import (
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"golang.org/x/tools/cover"
)

// coverage prints the share of covered statements of each package in limits
// ("path=97"), with the lines that no test reached.
func coverage(w io.Writer, profile string, limits []string) error {
	profiles, err := cover.ParseProfiles(profile)
	if err != nil {
		return err
	}
	var findings []string
	for _, limit := range limits {
		pkg, text, _ := strings.Cut(limit, "=")
		least, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("limit %q: %w", limit, err)
		}
		if share := packageCoverage(w, pkg, profiles); share < least {
			findings = append(findings, fmt.Sprintf("%s: %.1f %% of the statements are covered, fewer than %g %%", pkg, share, least))
		}
	}
	return report(w, "packages below their limit", findings)
}

// packageCoverage is in percent; 0 when the profile has nothing of the package.
func packageCoverage(w io.Writer, pkg string, profiles []*cover.Profile) float64 {
	var covered, all int
	for _, p := range profiles {
		if path.Dir(p.FileName) != pkg {
			continue
		}
		for _, b := range p.Blocks {
			all += b.NumStmt
			switch {
			case b.Count > 0:
				covered += b.NumStmt
			case b.NumStmt > 0:
				fmt.Fprintf(w, "uncovered: %s:%d-%d\n", p.FileName, b.StartLine, b.EndLine)
			}
		}
	}
	if all == 0 {
		return 0
	}
	share := 100 * float64(covered) / float64(all)
	fmt.Fprintf(w, "%s: %.1f %% of %d statements\n", pkg, share, all)
	return share
}
