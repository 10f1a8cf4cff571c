package darktrace

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/darktrace-go/darktrace/internal/wire"
)

// Millis is a point in time in milliseconds since 1970 UTC, the unit of nearly
// every time in the API. Zero means unknown.
type Millis int64

// Time returns the point in time in UTC; zero gives the zero time.
func (m Millis) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}

// MillisOf converts a time; the zero time gives zero.
func MillisOf(t time.Time) Millis {
	if t.IsZero() {
		return 0
	}
	return Millis(t.UnixMilli())
}

// String returns the time as RFC 3339 in UTC, with milliseconds if it has any,
// or "" for zero.
func (m Millis) String() string { return rfc3339(m.Time()) }

// Seconds is a point in time in seconds since 1970 UTC, the unit of
// investigations and of the interfaces of endpoint agents. Zero means unknown.
type Seconds int64

// Time returns the point in time in UTC; zero gives the zero time.
func (s Seconds) Time() time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(int64(s), 0).UTC()
}

// String returns the time as RFC 3339 in UTC, or "" for zero.
func (s Seconds) String() string { return rfc3339(s.Time()) }

func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	if t.Nanosecond() != 0 {
		return t.Format("2006-01-02T15:04:05.000Z07:00")
	}
	return t.Format(time.RFC3339)
}

// Score is a score from 0 to 100. Zero means unknown: appliances before 5.2
// send null.
type Score float64

// Probability is a score from 0 to 1, the scale of model alerts.
type Probability float64

// Percent returns the score from 0 to 100.
func (p Probability) Percent() Score {
	const digits = 1e10 // 0.57 is 57, not 56.99999999999999
	return Score(math.Round(float64(p)*100*digits) / digits)
}

// Category ranks an event or an incident. The set is open: an appliance may
// send a value without a constant here.
type Category string

// Categories, from the least to the most urgent.
const (
	// CategoryInformational marks activity that is worth knowing. The API has
	// no filter for it.
	CategoryInformational Category = "informational"
	// CategoryCompliance marks activity against good practice.
	CategoryCompliance Category = "compliance"
	// CategorySuspicious marks activity that deserves a look.
	CategorySuspicious Category = "suspicious"
	// CategoryCritical marks activity that looks like an attack.
	CategoryCritical Category = "critical"
)

// ParseCategory returns the category with this name, in upper or lower case and
// with blanks around it. If there is no such constant, it returns ErrArgument.
func ParseCategory(text string) (Category, error) {
	c := Category(strings.ToLower(strings.TrimSpace(text)))
	if c.Severity() == 0 {
		return "", argument("category", "is %q; it must be informational, compliance, suspicious or critical", text)
	}
	return c, nil
}

// Severity ranks the category for sorting and for ticket systems: informational
// 1, compliance 2, suspicious 3, critical 4, anything else 0. Case does not
// matter, since model alerts capitalise categories.
func (c Category) Severity() int {
	for i, known := range []Category{CategoryInformational, CategoryCompliance, CategorySuspicious, CategoryCritical} {
		if strings.EqualFold(string(c), string(known)) {
			return i + 1
		}
	}
	return 0
}

// Tactic is a MITRE ATT&CK tactic in the spelling of the API. The set is open.
type Tactic string

// Tactics.
const (
	TacticReconnaissance      Tactic = "reconnaissance"       // Reconnaissance.
	TacticResourceDevelopment Tactic = "resource-development" // Resource Development.
	TacticInitialAccess       Tactic = "initial-access"       // Initial Access.
	TacticExecution           Tactic = "execution"            // Execution.
	TacticPersistence         Tactic = "persistence"          // Persistence.
	TacticPrivilegeEscalation Tactic = "privilege-escalation" // Privilege Escalation.
	TacticDefenseEvasion      Tactic = "defense-evasion"      // Defense Evasion.
	TacticCredentialAccess    Tactic = "credential-access"    // Credential Access.
	TacticDiscovery           Tactic = "discovery"            // Discovery.
	TacticLateralMovement     Tactic = "lateral-movement"     // Lateral Movement.
	TacticCollection          Tactic = "collection"           // Collection.
	TacticCommandAndControl   Tactic = "command-and-control"  // Command and Control.
	TacticExfiltration        Tactic = "exfiltration"         // Exfiltration.
	TacticImpact              Tactic = "impact"               // Impact.
)

// Name returns the tactic in the spelling of MITRE ATT&CK: "Command and
// Control" for [TacticCommandAndControl]. It also converts tactics without a
// constant.
func (t Tactic) Name() string {
	words := strings.Split(string(t), "-")
	for i, word := range words {
		if word != "and" && word != "" {
			words[i] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(words, " ")
}

// ID returns the id of the tactic in MITRE ATT&CK for enterprises, such as
// "TA0001", or "" for a tactic without a constant.
func (t Tactic) ID() string {
	switch t {
	case TacticReconnaissance:
		return "TA0043"
	case TacticResourceDevelopment:
		return "TA0042"
	case TacticInitialAccess:
		return "TA0001"
	case TacticExecution:
		return "TA0002"
	case TacticPersistence:
		return "TA0003"
	case TacticPrivilegeEscalation:
		return "TA0004"
	case TacticDefenseEvasion:
		return "TA0005"
	case TacticCredentialAccess:
		return "TA0006"
	case TacticDiscovery:
		return "TA0007"
	case TacticLateralMovement:
		return "TA0008"
	case TacticCollection:
		return "TA0009"
	case TacticExfiltration:
		return "TA0010"
	case TacticCommandAndControl:
		return "TA0011"
	case TacticImpact:
		return "TA0040"
	default:
		return ""
	}
}

// Locale is a language for titles, summaries and detail keys. The zero value
// means the default of the appliance: en_GB.
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

// AttackPhase is a phase of an attack, 1 to 6. The API documents only the
// numbers; the names are inferred from events.
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

// Name returns the inferred name of the phase, or "phase 9" for a phase without
// a constant.
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

// RawJSON holds JSON that has no Go type, unchanged. Text and Number read
// simple values. Unlike json.RawMessage it can be compared with ==. Empty means
// none.
//
// In the field Extra of a part of an event, it is an object with the unknown
// members and the members of an unexpected type or, if the part is not an
// object, the whole value. As a value of a [Detail] it is a value of an unknown
// type.
type RawJSON string

// Text returns a JSON string without its quotes, and any other JSON unchanged.
func (v RawJSON) Text() string {
	if text, ok := wire.Unquote([]byte(v)); ok {
		return text
	}
	return string(v)
}

// Number returns a number that was sent as a number or as a string; ok is false
// for anything else.
func (v RawJSON) Number() (number float64, ok bool) {
	number, err := strconv.ParseFloat(v.Text(), 64)
	return number, err == nil
}
