package darktrace

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Checkpoint is where a feed stands: the time up to which it has read, the ids
// that it has delivered and can still meet, and what it owes. It is a value: Poll
// returns a new one and never changes the one it was given. A nil Checkpoint is
// the beginning.
//
// Keep it as JSON, wherever you like. Equal checkpoints have equal JSON, also
// after a round trip, so that a store can compare them as texts. It is versioned,
// and decoding refuses what it does not know. It has about 22 bytes for each id
// that is remembered, and about 70 more with PollOptions.Updates; no other data
// of events.
type Checkpoint struct {
	through Millis // when the last complete pass began, by the appliance's clock; 0 = none yet
	swept   Millis // the same of the last complete pass that swept
	floor   Millis // ids from before may be forgotten, so that no window begins earlier
	since   Millis // during the first pass: what older events are not delivered
	pass    *pass  // the pass that is not complete; nil = none
	seen    map[string]memory
}

// pass is one round through all windows, which a Limit or an error can spread
// over several Polls.
type pass struct {
	At     Millis   `json:"at"`              // when it began, by the appliance's clock; 0 = not known yet
	Sweep  bool     `json:"sweep,omitempty"` // it reads SweepOverlap
	Todo   []window `json:"todo,omitempty"`  // what it has to read
	Owed   idList   `json:"owed,omitempty"`  // what was read and has to be delivered
	Within window   `json:"within,omitzero"` // where what is owed was read
	Filter string   `json:"filter"`          // fingerprint of the filter that read it
}

// window is a span of the appliance's time, both ends included.
type window struct {
	From Millis `json:"from"`
	To   Millis `json:"to"` // 0 = open: until the appliance's now
}

// memory is what is kept of an event that was delivered.
type memory struct {
	until hours  // no window that begins later lists the event
	state string // see appendState; noState or silentState
}

// hours counts hours since 1970 UTC: the precision of memories.
type hours int32

const millisPerHour = 3600 * 1000

// hoursUp rounds up.
func hoursUp(m Millis) hours { return hours((m + millisPerHour - 1) / millisPerHour) } //nolint:gosec // Enough for 245,000 years.

func (h hours) millis() Millis { return Millis(h) * millisPerHour }

// clone returns a checkpoint that can be changed; a nil one is the beginning.
func (c *Checkpoint) clone() *Checkpoint {
	if c == nil {
		return &Checkpoint{seen: map[string]memory{}}
	}
	next := *c
	if next.seen = maps.Clone(c.seen); next.seen == nil {
		next.seen = map[string]memory{}
	}
	if c.pass != nil {
		next.pass = new(*c.pass)
		next.pass.Todo = slices.Clone(c.pass.Todo)
		next.pass.Owed = slices.Clone(c.pass.Owed)
	}
	return &next
}

// take returns c with the memory of those changes on the way to after that were
// taken, when others were not: the rest is read again, from where c stands.
func (c *Checkpoint) take(changes []EventChange, after *Checkpoint, since Millis) *Checkpoint {
	next := c.clone()
	if next.through == 0 && next.pass == nil {
		next.since = since
	}
	end := after.through
	if after.pass != nil {
		end = max(end, after.pass.At)
	}
	for _, change := range changes {
		key := string(appendKey(nil, change.Event.ID))
		known := after.seen[key]
		known.until = max(known.until, hoursUp(end))
		if known.state != noState {
			known.state = string(appendState(nil, change.Event))
		}
		next.seen[key] = known
		if next.pass != nil {
			next.pass.Owed = slices.DeleteFunc(next.pass.Owed, func(owed string) bool { return owed == key })
		}
	}
	return next
}

// forget drops the ids that no window from line on can list.
func (c *Checkpoint) forget(line Millis) {
	if line <= c.floor {
		return
	}
	if hoursUp(line) > hoursUp(c.floor) {
		before := c.floor
		maps.DeleteFunc(c.seen, func(_ string, m memory) bool { return m.until.millis() < before })
	}
	c.floor = line
}

// Keys of ids: the 16 bytes of a UUID in canonical form; any other id as it is,
// with a mark at the end if it could be taken for one.

const (
	keySize = 16
	keyMark = '='
)

func appendKey[T string | []byte](dst []byte, id T) []byte {
	if uuid, ok := parseUUID(id); ok {
		return append(dst, uuid[:]...)
	}
	dst = append(dst, id...)
	if len(id) >= keySize {
		dst = append(dst, keyMark)
	}
	return dst
}

// keyID returns the id of a key.
func keyID(key string) string {
	switch {
	case len(key) == keySize:
		return fmt.Sprintf("%x-%x-%x-%x-%x", key[:4], key[4:6], key[6:8], key[8:10], key[10:])
	case len(key) > keySize:
		return key[:len(key)-1]
	}
	return key
}

// parseUUID parses a UUID in its canonical form: lower case, with hyphens.
func parseUUID[T string | []byte](id T) (uuid [keySize]byte, ok bool) {
	if len(id) != 36 {
		return uuid, false
	}
	digit := 0
	for i := range len(id) {
		c := id[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return uuid, false
			}
			continue
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		default:
			return uuid, false
		}
		uuid[digit/2] = uuid[digit/2]<<4 | c
		digit++
	}
	return uuid, true
}

// canAsk reports whether an event can be asked for by its id.
func canAsk(id string) bool { return checkID("", id) == nil }

// idList is a list of keys. Its JSON has the UUIDs in one piece.
type idList []string

type idListJSON struct {
	UUIDs  []byte   `json:"uuids,omitempty"`
	Others []string `json:"others,omitempty"`
}

// MarshalJSON encodes the keys, UUIDs first.
func (l idList) MarshalJSON() ([]byte, error) {
	var w idListJSON
	for _, key := range l {
		if len(key) == keySize {
			w.UUIDs = append(w.UUIDs, key...)
		} else {
			w.Others = append(w.Others, keyID(key))
		}
	}
	return json.Marshal(w)
}

// UnmarshalJSON decodes what MarshalJSON encodes.
func (l *idList) UnmarshalJSON(data []byte) error {
	var w idListJSON
	if err := strictly(data, &w); err != nil {
		return err
	}
	if len(w.UUIDs)%keySize != 0 {
		return fmt.Errorf("%d bytes are no list of UUIDs", len(w.UUIDs))
	}
	*l = make(idList, 0, len(w.UUIDs)/keySize+len(w.Others))
	for uuids := string(w.UUIDs); uuids != ""; uuids = uuids[keySize:] {
		*l = append(*l, uuids[:keySize])
	}
	for _, id := range w.Others {
		*l = append(*l, string(appendKey(nil, id)))
	}
	return nil
}

// checkpointVersion is the version of the JSON that is written and understood.
const checkpointVersion = 1

type checkpointJSON struct {
	Version int          `json:"v"`
	Through Millis       `json:"through,omitempty"`
	Swept   Millis       `json:"swept,omitempty"`
	Floor   Millis       `json:"floor,omitempty"`
	Since   Millis       `json:"since,omitempty"`
	Pass    *pass        `json:"pass,omitempty"`
	Seen    []bucketJSON `json:"seen,omitempty"`
}

// bucketJSON holds the ids that are remembered until the same hour.
type bucketJSON struct {
	Until  hours    `json:"until"`
	IDs    idList   `json:"ids"`
	States []string `json:"states,omitempty"` // in the order of the ids; nil = noState for each
}

// MarshalJSON encodes the checkpoint, equal ones equally.
func (c Checkpoint) MarshalJSON() ([]byte, error) {
	return json.Marshal(checkpointJSON{
		Version: checkpointVersion, Through: c.through, Swept: c.swept, Floor: c.floor, Since: c.since,
		Pass: c.pass, Seen: c.buckets(),
	})
}

// buckets returns the memories in a fixed order.
func (c *Checkpoint) buckets() []bucketJSON {
	byHour := map[hours]idList{}
	for key, m := range c.seen {
		byHour[m.until] = append(byHour[m.until], key)
	}
	buckets := make([]bucketJSON, 0, len(byHour))
	for _, until := range slices.Sorted(maps.Keys(byHour)) {
		keys := byHour[until]
		slices.SortFunc(keys, func(a, b string) int { // As they are encoded.
			if isA, isB := len(a) == keySize, len(b) == keySize; isA != isB {
				if isA {
					return -1
				}
				return 1
			}
			return strings.Compare(a, b)
		})
		buckets = append(buckets, bucketJSON{until, keys, c.states(keys)})
	}
	return buckets
}

func (c *Checkpoint) states(keys []string) []string {
	states := make([]string, len(keys))
	any := false
	for i, key := range keys {
		states[i] = c.seen[key].state
		any = any || states[i] != noState
	}
	if !any {
		return nil
	}
	return states
}

// UnmarshalJSON decodes what MarshalJSON encoded, and refuses anything else.
func (c *Checkpoint) UnmarshalJSON(data []byte) error {
	var w checkpointJSON
	err := strictly(data, &w)
	var version struct {
		V int `json:"v"`
	}
	switch {
	case err == nil && w.Version == checkpointVersion:
	case json.Unmarshal(data, &version) != nil || version.V != checkpointVersion:
		return fmt.Errorf("darktrace: this is no checkpoint of version %d, the only one that is understood", checkpointVersion)
	default:
		return fmt.Errorf("darktrace: the checkpoint is damaged: %w", err)
	}
	ids := 0
	for _, bucket := range w.Seen {
		ids += len(bucket.IDs)
	}
	seen := make(map[string]memory, ids)
	for _, bucket := range w.Seen {
		if bucket.States == nil {
			bucket.States = make([]string, len(bucket.IDs))
		}
		if len(bucket.States) != len(bucket.IDs) {
			return fmt.Errorf("darktrace: the checkpoint is damaged: %d ids have %d states", len(bucket.IDs), len(bucket.States))
		}
		for i, key := range bucket.IDs {
			if !validState(bucket.States[i]) {
				return fmt.Errorf("darktrace: the checkpoint is damaged: %q is no state", bucket.States[i])
			}
			seen[key] = memory{bucket.Until, bucket.States[i]}
		}
	}
	*c = Checkpoint{w.Through, w.Swept, w.Floor, w.Since, w.Pass, seen}
	return nil
}

// strictly decodes JSON and refuses members that are not known.
func strictly(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}
