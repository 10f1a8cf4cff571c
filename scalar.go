package darktrace

import (
	"fmt"
	"time"
)

// Millis is a point in time in milliseconds since 1970 UTC, as nearly every
// field of the API has it. Zero means unknown.
type Millis int64

// Time returns the point in time in UTC; zero gives the zero time.
func (m Millis) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}

// String renders the time as RFC 3339 in UTC; zero gives "".
func (m Millis) String() string { return rfc3339(m.Time()) }

// Seconds is a point in time in seconds since 1970 UTC, which only
// investigations use. Zero means unknown.
type Seconds int64

// Time returns the point in time in UTC; zero gives the zero time.
func (s Seconds) Time() time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(int64(s), 0).UTC()
}

// String renders the time as RFC 3339 in UTC; zero gives "".
func (s Seconds) String() string { return rfc3339(s.Time()) }

func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

// Score is a score from 0 to 100. Zero means unknown: appliances before 5.2
// send null.
type Score float64

// Category ranks an event or an incident. The set is open: an appliance may
// send a value that has no constant here.
type Category string

// Categories, from the least to the most urgent.
const (
	// CategoryCompliance marks behaviour against good practice.
	CategoryCompliance Category = "compliance"
	// CategoryInformational marks what is worth knowing. The API has no filter
	// for it.
	CategoryInformational Category = "informational"
	// CategorySuspicious marks behaviour that deserves a look.
	CategorySuspicious Category = "suspicious"
	// CategoryCritical marks what looks like an attack.
	CategoryCritical Category = "critical"
)

// Severity ranks the category for sorting and for ticket systems: compliance 1,
// informational 2, suspicious 3, critical 4, anything else 0.
func (c Category) Severity() int {
	switch c {
	case CategoryCompliance:
		return 1
	case CategoryInformational:
		return 2
	case CategorySuspicious:
		return 3
	case CategoryCritical:
		return 4
	default:
		return 0
	}
}

// Locale is a language that the appliance writes titles, summaries and detail
// keys in. The zero value leaves the choice to the appliance: en_GB.
type Locale string

// Locales that the API documents.
const (
	LocaleGerman               Locale = "de_DE"   // German.
	LocaleBritishEnglish       Locale = "en_GB"   // British English, the default of the API.
	LocaleAmericanEnglish      Locale = "en_US"   // American English.
	LocaleSpanish              Locale = "es_ES"   // Spanish of Spain.
	LocaleLatinAmericanSpanish Locale = "es_419"  // Spanish of Latin America.
	LocaleFrench               Locale = "fr_FR"   // French.
	LocaleItalian              Locale = "it_IT"   // Italian.
	LocaleJapanese             Locale = "ja_JP"   // Japanese.
	LocaleKorean               Locale = "ko_KR"   // Korean.
	LocaleBrazilianPortuguese  Locale = "pt_BR"   // Portuguese of Brazil.
	LocaleSimplifiedChinese    Locale = "zh_Hans" // Chinese, simplified.
	LocaleTraditionalChinese   Locale = "zh_Hant" // Chinese, traditional.
)

// AttackPhase is a phase of an attack, 1 to 6. The API documents the numbers
// only; their names are inferred from the events that carry them.
type AttackPhase int64

// Attack phases; the names are inferred.
const (
	PhaseInitialInfection       AttackPhase = 1 // Inferred name: initial infection.
	PhaseEstablishedFoothold    AttackPhase = 2 // Inferred name: established foothold.
	PhasePrivilegeEscalation    AttackPhase = 3 // Inferred name: privilege escalation.
	PhaseInternalReconnaissance AttackPhase = 4 // Inferred name: internal reconnaissance.
	PhaseLateralMovement        AttackPhase = 5 // Inferred name: lateral movement.
	PhaseAccomplishMission      AttackPhase = 6 // Inferred name: accomplish mission.
)

// Name returns what the phase is called, inferred as it is; "phase 9" for one
// that has no constant here.
func (p AttackPhase) Name() string {
	switch p {
	case PhaseInitialInfection:
		return "Initial Infection"
	case PhaseEstablishedFoothold:
		return "Established Foothold"
	case PhasePrivilegeEscalation:
		return "Privilege Escalation"
	case PhaseInternalReconnaissance:
		return "Internal Reconnaissance"
	case PhaseLateralMovement:
		return "Lateral Movement"
	case PhaseAccomplishMission:
		return "Accomplish Mission"
	default:
		return fmt.Sprintf("phase %d", int64(p))
	}
}

// RawJSON is JSON text that no Go type fits, kept as it came. Unlike
// json.RawMessage it can be compared. Empty means that there is none.
//
// As Extra of a part of an event it holds what the other fields can't give
// back: a JSON object of the unknown members, of those of an unexpected type
// and of explicit zeros; or, when the part is no object at all, the whole
// value. As a value of a [Detail] it is a value of an unknown type.
type RawJSON string
