package darktracetest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// event is an incident event as the appliance stores it: its JSON, and the fields
// for the filters. Both are replaced and never changed in place.
type event struct {
	raw         []byte
	facts       *facts
	visibleFrom time.Time
	master      int64
}

// facts are the fields of an event that queries, groups and statistics use.
type facts struct {
	ID              string          `json:"id"`
	Title           json.RawMessage `json:"title"`
	Summariser      string          `json:"summariser"`
	CreatedAt       int64           `json:"createdAt"`
	Periods         []period        `json:"periods"`
	Category        string          `json:"category"`
	GroupCategory   string          `json:"groupCategory"`
	CurrentGroup    string          `json:"currentGroup"`
	PreviousGroups  []string        `json:"groupPreviousGroups"`
	GroupScore      looseNumber     `json:"groupScore"`
	AIAScore        looseNumber     `json:"aiaScore"`
	AttackPhases    looseInts       `json:"attackPhases"`
	MITRETactics    []string        `json:"mitreTactics"`
	Acknowledged    bool            `json:"acknowledged"`
	Pinned          bool            `json:"pinned"`
	UserTriggered   bool            `json:"userTriggered"`
	ExtTriggered    bool            `json:"externalTriggered"`
	Sender          *string         `json:"sender"`
	BreachDevices   []device        `json:"breachDevices"`
	RelatedBreaches []struct {
		PBID int64 `json:"pbid"`
	} `json:"relatedBreaches"`
	Children []string `json:"children"`

	peers []node // see edges; nil = not computed yet
}

// complete reports whether an event has all the fields that every event has.
func (f *facts) complete() bool {
	return f.CreatedAt != 0 && len(f.Children) > 0 && f.CurrentGroup != "" && f.GroupCategory != "" && f.GroupScore != 0
}

type period struct {
	Start int64 `json:"start"`
	End   int64 `json:"end"`
}

type device struct {
	Identifier string `json:"identifier"`
	DID        *int64 `json:"did"`
	SID        *int64 `json:"sid"`
}

// looseNumber is a number, possibly in quotes; anything else is 0.
type looseNumber float64

func (n *looseNumber) UnmarshalJSON(data []byte) error {
	f, err := strconv.ParseFloat(strings.Trim(string(data), `"`), 64)
	if err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
		*n = looseNumber(f)
	}
	return nil
}

// looseInts is a list of numbers, or a single one; anything else is empty.
type looseInts []int

func (l *looseInts) UnmarshalJSON(data []byte) error {
	var one int
	if json.Unmarshal(data, &one) == nil && one != 0 {
		*l = looseInts{one}
		return nil
	}
	var all []int
	if json.Unmarshal(data, &all) == nil {
		*l = all
	}
	return nil
}

func newFacts(raw []byte) (*facts, error) {
	f := new(facts)
	var mistyped *json.UnmarshalTypeError
	if err := json.Unmarshal(raw, f); err != nil && !errors.As(err, &mistyped) {
		return nil, err
	}
	if f.ID == "" {
		return nil, errors.New("an event needs an id, a string")
	}
	return f, nil
}

// first and last are the ends of the activity, or the creation time if there is
// none.
func (f *facts) first() int64 {
	if len(f.Periods) == 0 {
		return f.CreatedAt
	}
	return slices.MinFunc(f.Periods, func(a, b period) int { return cmp.Compare(a.Start, b.Start) }).Start
}

func (f *facts) last() int64 {
	if len(f.Periods) == 0 {
		return f.CreatedAt
	}
	return slices.MaxFunc(f.Periods, func(a, b period) int { return cmp.Compare(a.End, b.End) }).End
}

func (f *facts) isSaaS() bool {
	return slices.ContainsFunc(f.BreachDevices, func(d device) bool {
		return d.SID != nil && *d.SID == -9 || strings.HasPrefix(d.Identifier, "SaaS::")
	})
}

func (f *facts) hasDevice(did int64) bool {
	return slices.ContainsFunc(f.BreachDevices, func(d device) bool { return d.DID != nil && *d.DID == did })
}

func (f *facts) hasSubnet(sid int64) bool {
	return slices.ContainsFunc(f.BreachDevices, func(d device) bool { return d.SID != nil && *d.SID == sid })
}

// object is a JSON object that keeps the order and the text of its members.
type object []member

type member struct {
	key   string
	value json.RawMessage
}

func parseObject(raw []byte) (object, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("not a JSON object: %.40s", raw)
	}
	var o object
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		o = append(o, member{key.(string), value})
	}
	return o, nil
}

func (o object) index(key string) int {
	return slices.IndexFunc(o, func(m member) bool { return m.key == key })
}

// has reports whether a member is there and not null.
func (o object) has(key string) bool {
	i := o.index(key)
	return i >= 0 && string(o[i].value) != "null"
}

func (o *object) set(key string, value any) {
	m := member{key, mustJSON(value)}
	if i := o.index(key); i >= 0 {
		(*o)[i] = m
		return
	}
	*o = append(*o, m)
}

func (o *object) remove(keys ...string) {
	*o = slices.DeleteFunc(*o, func(m member) bool { return slices.Contains(keys, m.key) })
}

func (o object) encode() []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(mustJSON(m.key))
		b.WriteByte(':')
		b.Write(m.value)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// withMember appends a member to an encoded object that is not empty.
func withMember(raw []byte, key string, value any) []byte {
	out := make([]byte, 0, len(raw)+64)
	out = append(out, raw[:len(raw)-1]...)
	out = append(out, ',')
	out = append(out, mustJSON(key)...)
	out = append(out, ':')
	out = append(out, mustJSON(value)...)
	return append(out, '}')
}

// anonymiser hides the host part of internal addresses from a token without
// Unrestricted Devices, the way an appliance does: "192.0.2.#28445".
type anonymiser struct{ address *regexp.Regexp }

func newAnonymiser() anonymiser {
	return anonymiser{regexp.MustCompile(`"(ip|identifier|hostname|value)":"((?:\d+\.){3})(\d+)"`)}
}

func (a anonymiser) hide(raw []byte) []byte {
	return a.address.ReplaceAllFunc(raw, func(match []byte) []byte {
		part := a.address.FindSubmatch(match)
		address := string(part[2]) + string(part[3])
		if !internal(address) {
			return match
		}
		h := fnv.New32a()
		_, _ = h.Write([]byte(address))
		return fmt.Appendf(nil, `"%s":"%s#%d"`, part[1], part[2], 10000+h.Sum32()%90000)
	})
}

// internal reports whether an address is the organisation's: a private one, or one
// from the range for examples.
func internal(address string) bool {
	ip, err := netip.ParseAddr(address)
	return err == nil && (ip.IsPrivate() || netip.MustParsePrefix("192.0.2.0/24").Contains(ip))
}
