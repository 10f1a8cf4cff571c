package darktracetest

import (
	"encoding/json"
	"fmt"
	"strings"
)

// story is one kind of event.
type story struct {
	summariser, title, category string
	phases                      []int
	tactics                     []string
	models                      []string
	tell                        func(*generator, *wireEvent) // summary, devices and details
}

// stories lists the kinds of events. Together they have every type of detail.
func stories() []story {
	return []story{
		{
			"ScanSummary", "Port Scan of Many Internal Devices", "suspicious", []int{4}, []string{"discovery"},
			[]string{"Device / Network Scan", "Device / ICMP Address Scan"}, tellScan,
		},
		{
			"HttpAgentSummary", "Possible HTTP Command and Control to Rare Endpoints", "critical", []int{2},
			[]string{"command-and-control"},
			[]string{"Compromise / HTTP Beaconing to Rare Destination", "Compromise / Agent Beacon (Short Period)"}, tellBeacon,
		},
		{
			"SaasHijackSummary", "Possible Hijack of a Cloud Account", "critical", []int{1, 3},
			[]string{"initial-access", "privilege-escalation"},
			[]string{"SaaS / Access / Unusual External Source for SaaS Credential Use"}, tellHijack,
		},
		{
			"EmailCampaignSummary", "Mail Campaign With Unusual Links", "suspicious", []int{1}, []string{"initial-access"},
			[]string{"Email / Unusual Sender"}, tellMail,
		},
		{
			"SmbWriteSummary", "Suspicious Files Written Over SMB", "critical", []int{5, 6}, []string{"lateral-movement", "impact"},
			[]string{"Compromise / Ransomware / Suspicious SMB Activity", "Anomalous File / Internal / Additional Extension"}, tellWrites,
		},
		{
			"DataTransferSummary", "Large Uploads to New External Hosts", "compliance", []int{6}, []string{"exfiltration"},
			[]string{"Anomalous Connection / Data Sent to Rare Domain"}, tellUpload,
		},
		{
			"AdminConnSummary", "Unusual Administrative Connections", "suspicious", nil, []string{},
			[]string{"Device / New or Uncommon WMI Activity", "Unusual Activity / Unusual Internal Connections"}, tellAdmin,
		},
	}
}

func blockStory() story {
	return story{
		"SaasHijackSummary", "Possible Hijack of a Cloud Account", "critical", []int{3}, []string{"privilege-escalation"},
		[]string{"SaaS / Admin / New Permissions Granted"}, tellBlocks,
	}
}

// content is one row of the details.
type content struct {
	Key    *string `json:"key"`
	Type   string  `json:"type"`
	Values []any   `json:"values"`
}

type subsection struct {
	Header   string    `json:"header"`
	Contents []content `json:"contents"`
}

// row makes a content; the key "" is null on the wire.
func row(key, kind string, values ...any) content {
	c := content{Type: kind, Values: values}
	if key != "" {
		c.Key = &key
	}
	return c
}

func section(header string, rows ...content) []subsection {
	return []subsection{{header, rows}}
}

type externalHost struct {
	Hostname string  `json:"hostname"`
	IP       *string `json:"ip"`
}

type span struct {
	Start any `json:"start"`
	End   any `json:"end"`
}

type ratio struct {
	Value      string `json:"value"`
	Percentage int64  `json:"percentage"`
}

func (g *generator) outside() externalHost {
	h := externalHost{Hostname: fmt.Sprintf("%s-%d.example.net", g.one("cdn", "files", "api", "img"), g.between(1, 999))}
	if g.IntN(3) > 0 {
		ip := fmt.Sprintf("203.0.113.%d", g.between(1, 254))
		h.IP = &ip
	}
	return h
}

// source is the first section of every event about a device.
func (g *generator) source(e *wireEvent, d host) []subsection {
	e.BreachDevices = []host{d}
	return section("Breaching Device",
		row("Source device", "device", d),
		row("Username seen before", "string", fmt.Sprintf("user%d", g.between(1, 60))),
		row("Source of username", "string", g.one("Kerberos", "NTLM login")),
		row("Time seen", "timestamp", e.Periods[0].Start-g.between(1000, 90_000)),
		row("Event UID", "string", fmt.Sprintf("C%016x", g.Uint64())),
	)
}

// repeat makes the rows of several similar activities, whose keys repeat.
func repeat(n int, rows func(i int) []content) []content {
	var all []content
	for i := range n {
		all = append(all, rows(i)...)
	}
	return all
}

func summary(sentences ...string) string { return strings.Join(sentences, "\n\n") }

func tellScan(g *generator, e *wireEvent) {
	device, targets := g.host, g.between(30, 250)
	e.Summary = summary(
		fmt.Sprintf("%s tried to reach %d internal devices within a short time.", device.Hostname, targets),
		"It has not done so before, and most of the attempts failed.",
		"Unless this was a planned inventory, somebody may be looking for a way further into the network.")
	e.Details = [][]subsection{
		g.source(e, device),
		section("Scan", append([]content{
			row("Time", "timestampRange", span{e.Periods[0].Start, e.Periods[0].End}),
			row("Number of targets", "integer", targets),
			row("Failed attempts", "integer", g.between(30, 250)),
			row("Targets", "stringRange", span{"192.0.2.1", "192.0.2.254"}),
			row("Failed connections", "percentageRange", span{g.between(60, 80), g.between(81, 99)}),
			row("Ports", "integerRange", span{"1", "1024"}), // as text, as appliances send them
			row("Transport", "ratio", ratio{"TCP", 88}, ratio{"UDP", 12}),
		}, repeat(14, func(int) []content {
			return []content{
				row("Target", "device", g.device()),
				row("", "string", g.one("22 [SSH]", "445 [SMB]", "3389 [RDP]", "135 [RPC]")),
			}
		})...)...),
	}
}

func tellBeacon(g *generator, e *wireEvent) {
	device := g.host
	e.Summary = summary(
		fmt.Sprintf("%s called the same few external hosts again and again over HTTP.", device.Hostname),
		"No other device in the network talks to them, and the user agent is new as well.",
		"This is what malware looks like when it asks for orders; the device should be examined.")
	e.Details = [][]subsection{
		g.source(e, device),
		section("Suspicious Endpoints", repeat(10, func(i int) []content {
			return []content{
				row("Endpoint", "externalHost", g.outside()),
				row("Rarity in this network", "percentage", g.between(90, 100)),
				row("Interval", "duration", g.between(30, 900)),
				row("Regularity", "float", float64(g.between(50, 99))/100),
				row("Sent", "dataVolume", g.between(200, 20_000)),
				row("First seen", "timestamp", e.Periods[0].Start+int64(i)*1000),
			}
		})...),
	}
}

func tellHijack(g *generator, e *wireEvent) {
	account := g.account()
	e.BreachDevices = []host{account}
	e.Summary = summary(
		account.Identifier+" was used from a place where it has never been used before.",
		"Shortly afterwards rules and permissions of the account were changed.",
		"Ask the owner. If it was somebody else, end all sessions and reset the credentials.")
	e.Details = [][]subsection{
		section("Account", row("SaaS account", "device", account), row("Actor", "string", account.Identifier[len("SaaS::"):])),
		section("Source of the Activity",
			row("Source", "externalHost", g.outside()),
			row("ASN", "string", "AS64500 EXAMPLE-NET"),
			row("Country until now", "string", g.one("Norway", "Chile", "Japan", "Kenya")),
			row("Share of the account's activity", "percentage", float64(g.between(1, 100))/10)),
		section("Activity", repeat(15, func(i int) []content {
			return []content{
				row("Event", "string", g.one("Login", "RuleCreated", "PermissionAdded", "FileDownloaded")),
				row("Number of events", "integer", g.between(1, 9)),
				row("Time", "timestamp", e.Periods[0].Start+int64(i)*7000),
				row("", "string", g.one("success", "failure", "interrupted")),
			}
		})...),
	}
}

func tellMail(g *generator, e *wireEvent) {
	sender := fmt.Sprintf("billing%d@example.org", g.between(1, 99))
	e.Sender = &sender
	e.Summary = summary(
		fmt.Sprintf("%s wrote to %d people who have never had mail from there.", sender, g.between(13, 40)),
		"The links lead to a host that was registered a few days ago.",
		"Whoever opened one should be asked whether a password was typed in.")
	e.Details = [][]subsection{
		section("Sender",
			row("Sender", "string", sender),
			row("Known to the organisation since", "duration", int64(0)),
			row("Anomaly", "percentage", g.between(70, 100)),
			row("Verdicts", "ratio", ratio{"held", 75}, ratio{"delivered", 25})),
		section("Messages", repeat(13, func(i int) []content {
			return []content{
				row("Recipient", "string", fmt.Sprintf("user%d@example.com", g.between(1, 60))),
				row("Subject", "string", fmt.Sprintf("Invoice %d: „überfällig“ – 未払い", g.between(1000, 9999))),
				row("Link", "externalHost", g.outside()),
				row("Received", "timestamp", e.Periods[0].Start+int64(i)*900),
			}
		})...),
	}
}

func tellWrites(g *generator, e *wireEvent) {
	device, target := g.host, g.device()
	e.Summary = summary(
		fmt.Sprintf("%s wrote files with unknown extensions to a share of %s.", device.Hostname, target.Hostname),
		"The number of files and the speed are far above what it does on other days.",
		"Ransomware works like this. Take the device off the network until it is clear.")
	e.Details = [][]subsection{
		g.source(e, device),
		section("Files Written", repeat(8, func(i int) []content {
			return []content{
				row("File", "string", fmt.Sprintf(`reports\q%d\sheet-%d.xlsx.locked`, 1+i%4, g.between(1, 999))),
				row("Size", "dataVolume", g.between(1_000, 5_000_000_000)),
				row("Destination device", "device", target),
				row("Share", "string", `\\`+target.Hostname+`\files`),
				row("Time", "timestamp", e.Periods[0].Start+int64(i)*400),
			}
		})...),
		section("Totals",
			row("Sizes", "dataVolumeRange", span{1000, int64(5_000_000_000)}),
			row("Files", "integer", g.between(100, 9000))),
	}
}

func tellUpload(g *generator, e *wireEvent) {
	device := g.host
	e.Summary = summary(
		fmt.Sprintf("%s sent far more data than usual to hosts outside of the network.", device.Hostname),
		"None of them was contacted before that day.",
		"If nobody knows of a backup or a move, data may have left the organisation.")
	e.Details = [][]subsection{
		g.source(e, device),
		section("Transfers", repeat(10, func(i int) []content {
			return []content{
				row("Host", "externalHost", g.outside()),
				row("Sent", "dataVolume", g.between(1<<20, 1<<36)),
				row("Took", "durationRange", span{g.between(1, 60), g.between(61, 7200)}),
				row("Time", "timestampRange", span{e.Periods[0].Start + int64(i)*1000, e.Periods[0].End}),
				row("Times the usual amount", "float", float64(g.between(15, 900))/10),
			}
		})...),
	}
}

func tellAdmin(g *generator, e *wireEvent) {
	device := g.host
	e.Summary = summary(
		fmt.Sprintf("%s opened administrative sessions on devices that it does not manage.", device.Hostname),
		"The protocol is common here, the pair of devices is not.",
		"Compare this with planned work before anything else.")
	e.Details = [][]subsection{
		g.source(e, device),
		section("Administrative Connections", repeat(9, func(int) []content {
			return []content{
				row("Destination device", "device", g.device()),
				row("Protocol", "string", g.one("WMI", "SSH", "RDP", "WinRM")),
				row("Ports", "integerRange", span{"5985", "5986"}),
				row("Length", "duration", g.between(5, 4000)),
				row("Rarity", "percentageRange", span{g.between(1, 40), float64(g.between(410, 1000)) / 10}),
			}
		})...),
	}
}

// wireNode is a text of the block form: a format string with the values for its
// braces, or a plain value.
type wireNode struct {
	IconType     string     `json:"iconType,omitempty"`
	ValueType    string     `json:"valueType"`
	Value        any        `json:"value"`
	Replacements []wireNode `json:"replacements,omitempty"`
}

type wireBlocks struct {
	BlockType string      `json:"blockType"`
	Blocks    []wireBlock `json:"blocks"`
}

type wireBlock struct {
	Header  string       `json:"blockHeader"`
	Bullets [][]wireLine `json:"bulletBlocks"`
}

type wireLine struct {
	Key    string `json:"detailKey"`
	Type   string `json:"valueType"`
	Values []any  `json:"detailValues"`
}

// tellBlocks writes the block form, which was seen by one integration.
func tellBlocks(g *generator, e *wireEvent) {
	account := g.account()
	address := wireNode{ValueType: "externalHost", Value: map[string]any{"identifier": "203.0.113.7", "ip": nil}}
	e.BreachDevices = []host{account}
	e.Summary = wireNode{
		ValueType: "formatString",
		Value:     "{}\n\nThe owner of the account should confirm what was done.",
		Replacements: []wireNode{{
			ValueType:    "formatString",
			Value:        "The account {} made unusual requests from {}.",
			Replacements: []wireNode{{ValueType: "username", Value: account.Identifier}, address},
		}},
	}
	var activity [][]wireLine
	for range 13 {
		activity = append(activity, []wireLine{
			{"Event", "string", []any{g.one("Role assigned", "Consent given", "Device registered")}},
			{"Number of events", "string", []any{fmt.Sprint(g.between(1, 5))}},
			{"Resource", "string", []any{fmt.Sprintf("resource-%d.example.com", g.between(1, 99))}},
			{"Outcome", "string", []any{g.one("success", "failure")}},
		})
	}
	e.Details = []wireBlocks{
		{"single", []wireBlock{{"Account", [][]wireLine{{{"SaaS account", "device", []any{account}}}}}}},
		{"grouped", []wireBlock{
			{"Source", [][]wireLine{{
				{"Source", "externalHost", []any{address.Value}},
				{"Time", "timeRange", []any{e.Periods[0]}},
			}}},
			{"Activity", activity},
		}},
	}
	e.Explanations = [][]wireNode{{
		{
			IconType: "search", ValueType: "formatString", Value: "Looking at what {} did.",
			Replacements: []wireNode{{ValueType: "device", Value: account}},
		},
		{IconType: "analysis", ValueType: "string", Value: "Comparing the source with earlier ones."},
	}}
	e.Figures = json.RawMessage("[]")
}
