package natsstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/darktrace-go/darktrace"
)

// KeyHeader is the header of a change that holds its key.
const KeyHeader = "Darktrace-Key"

// Config says where in JetStream a store keeps its data.
type Config struct {
	// Bucket is the key-value bucket of the checkpoints; "" means "darktrace".
	// The changes are in the same stream, "KV_" and the name of the bucket,
	// because a transaction can't span streams.
	Bucket string
	// Subject is the prefix of the subjects of the changes; "" means
	// "darktrace.changes". The name of the feed and the key of the change
	// follow.
	Subject string
	// Replicas is the number of servers that keep the stream; 0 means 1. It has
	// an effect only when the stream is created.
	Replicas int
	// ChangeTTL is how long a change is kept; 0 means until somebody deletes it.
	// It is rounded up to seconds, and needs nats-server 2.11 or newer.
	ChangeTTL time.Duration
	// NoBatch publishes the changes one by one before the checkpoint, even if
	// the server has atomic batches. If a program crashes in between, or
	// another one is faster, changes are published without the checkpoint. They
	// are published again with the same keys, which the server rejects as long
	// as it keeps the first ones.
	NoBatch bool
}

// Store keeps the checkpoint of one feed in a key-value bucket, and publishes
// the changes that the feed delivers. It is a [darktrace.ChangeStore] and, for
// model alerts, a [darktrace.BreachStore]. It is safe for concurrent use, also
// by several processes. The feed of events and the feed of alerts need
// different names.
type Store struct {
	js      jetstream.JetStream
	stream  jetstream.Stream
	name    string
	key     string // subject of the checkpoint
	changes string // prefix of the subjects of changes
	ttl     time.Duration
	batch   bool

	mu   sync.Mutex
	last entry // the checkpoint that this store read or saved last
}

// entry is a stored checkpoint.
type entry struct {
	json     string // as this package writes it; "" = nothing
	sequence uint64
}

var (
	_ darktrace.ChangeStore = (*Store)(nil)
	_ darktrace.BreachStore = (*Store)(nil)
)

// New returns the store of the feed with the given name, of letters, digits,
// "-" and "_". It creates the stream if there is none, and asks the server
// whether it has atomic batches, because older servers silently ignore them. A
// stream that an older server created gets them after an upgrade, if the program
// may change the stream; otherwise set its AllowAtomicPublish.
func New(ctx context.Context, js jetstream.JetStream, name string, config Config) (*Store, error) {
	config.Bucket = cmp.Or(config.Bucket, "darktrace")
	config.Subject = cmp.Or(config.Subject, "darktrace.changes")
	switch {
	case js == nil:
		return nil, errors.New("natsstore: JetStream is nil")
	case !isToken(name):
		return nil, fmt.Errorf(`natsstore: the feed's name %q has other characters than letters, digits, "-" and "_"`, name)
	case !isToken(config.Bucket):
		return nil, fmt.Errorf(`natsstore: the bucket's name %q has other characters than letters, digits, "-" and "_"`, config.Bucket)
	case config.ChangeTTL < 0:
		return nil, fmt.Errorf("natsstore: ChangeTTL is %v", config.ChangeTTL)
	}
	s := &Store{
		js: js, name: name, key: "$KV." + config.Bucket + "." + name,
		changes: config.Subject + "." + name + ".", ttl: config.ChangeTTL,
	}
	var err error
	if s.stream, err = open(ctx, js, config); err != nil {
		return nil, s.failed("opening the stream of", err)
	}
	info := s.stream.CachedInfo().Config
	if !slices.Contains(info.Subjects, config.Subject+".>") {
		return nil, s.failed("opening the stream of", fmt.Errorf("the stream %s does not take the subject %s>", info.Name, s.changes))
	}
	if s.ttl > 0 && !info.AllowMsgTTL {
		return nil, s.failed("opening the stream of", errors.New("ChangeTTL needs a stream with AllowMsgTTL, of nats-server 2.11 or newer"))
	}
	s.batch = !config.NoBatch && (info.AllowAtomicPublish || allowBatches(ctx, js, info))
	return s, nil
}

// open returns the stream. It creates the stream if there is none.
func open(ctx context.Context, js jetstream.JetStream, config Config) (jetstream.Stream, error) {
	name := "KV_" + config.Bucket
	stream, err := js.Stream(ctx, name)
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return stream, err
	}
	stream, err = js.CreateStream(ctx, jetstream.StreamConfig{
		Name:              name,
		Description:       "Checkpoints of darktrace feeds, and the changes that they deliver",
		Subjects:          []string{"$KV." + config.Bucket + ".>", config.Subject + ".>"},
		MaxMsgsPerSubject: 1, // Each change has its own subject.
		Replicas:          config.Replicas,
		Discard:           jetstream.DiscardNew,
		AllowRollup:       true, // Buckets have this set.
		DenyDelete:        true,
		AllowMsgTTL:       true,
		// Reads go to the leader: a follower may not have the checkpoint yet.
		AllowDirect:        false,
		AllowAtomicPublish: true,
	})
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // Another program has created it meanwhile.
		return js.Stream(ctx, name)
	}
	return stream, err
}

// allowBatches changes a stream that was created by a server without atomic batches, if
// the server has them now, and reports whether it has. A program without the permission
// goes on without batches.
func allowBatches(ctx context.Context, js jetstream.JetStream, config jetstream.StreamConfig) bool {
	const batches = 2 // the API level of nats-server 2.12; older servers ignore the setting
	if level, _ := strconv.Atoi(config.Metadata["_nats.level"]); level < batches {
		return false
	}
	config.AllowAtomicPublish = true
	stream, err := js.UpdateStream(ctx, config)
	return err == nil && stream.CachedInfo().Config.AllowAtomicPublish
}

// Atomic reports whether the changes and the checkpoint are published in one
// batch, which the server stores as a whole or not at all.
func (s *Store) Atomic() bool { return s.batch }

// Load returns the checkpoint that was saved last. If there is none, it returns
// darktrace.ErrNoCheckpoint.
func (s *Store) Load(ctx context.Context) (*darktrace.Checkpoint, error) {
	_, checkpoint, err := s.stored(ctx)
	if err == nil && checkpoint == nil {
		err = darktrace.ErrNoCheckpoint
	}
	if err != nil {
		return nil, s.failed("loading the checkpoint of", err)
	}
	return checkpoint, nil
}

// Save replaces prev by next. If anything but prev is stored, it returns
// darktrace.ErrCheckpointConflict.
func (s *Store) Save(ctx context.Context, prev, next *darktrace.Checkpoint) error {
	return s.SaveChanges(ctx, prev, next, nil)
}

// SaveChanges publishes changes and replaces prev by next. A change whose key
// was published before is not published again. If anything but prev is stored,
// SaveChanges returns darktrace.ErrCheckpointConflict. If [Store.Atomic]
// returns true, up to 500 changes and the checkpoint are one batch; more are
// published before it.
func (s *Store) SaveChanges(ctx context.Context, prev, next *darktrace.Checkpoint, changes []darktrace.EventChange) error {
	return saveAll(ctx, s, prev, next, changes, func(c *darktrace.EventChange) string { return c.Key })
}

// SaveBreaches is SaveChanges for a feed of model alerts. [BreachOf] decodes
// what it publishes.
func (s *Store) SaveBreaches(ctx context.Context, prev, next *darktrace.Checkpoint, changes []darktrace.BreachChange) error {
	return saveAll(ctx, s, prev, next, changes, func(c *darktrace.BreachChange) string { return c.Key })
}

// saveAll saves changes of any kind.
func saveAll[C any](ctx context.Context, s *Store, prev, next *darktrace.Checkpoint, changes []C, key func(*C) string) error {
	var messages []*nats.Msg
	known := map[string]bool{}
	for i := range changes {
		key := key(&changes[i])
		if known[key] { // A batch has no subject twice.
			continue
		}
		known[key] = true
		body, err := json.Marshal(changes[i])
		if err != nil {
			return s.failed("saving the changes of", err)
		}
		messages = append(messages, s.message(key, body))
	}
	if err := s.save(ctx, prev, next, messages); err != nil {
		return s.failed("saving the checkpoint of", err)
	}
	return nil
}

// message returns the message of a change. Each change has its own subject, so that
// the server knows which were published before.
func (s *Store) message(key string, body []byte) *nats.Msg {
	msg := nats.NewMsg(s.changes + token(key))
	msg.Data = body
	msg.Header.Set(KeyHeader, key)
	msg.Header.Set(jetstream.ExpectedLastSubjSeqHeader, "0")
	if s.ttl > 0 {
		msg.Header.Set(jetstream.MsgTTLHeader, strconv.FormatInt(int64((s.ttl+time.Second-1)/time.Second), 10)+"s")
	}
	return msg
}

// Change returns the change to an incident event that a message holds.
func Change(msg jetstream.Msg) (darktrace.EventChange, error) {
	return decode[darktrace.EventChange](msg)
}

// BreachOf returns the change to a model alert that a message holds.
func BreachOf(msg jetstream.Msg) (darktrace.BreachChange, error) {
	return decode[darktrace.BreachChange](msg)
}

func decode[C any](msg jetstream.Msg) (change C, err error) {
	if err := json.Unmarshal(msg.Data(), &change); err != nil {
		return change, fmt.Errorf("natsstore: message on %s: %w", msg.Subject(), err)
	}
	return change, nil
}

const (
	batchSize = 500 // servers take 1,000 by default
	atOnce    = 100 // messages without an acknowledgement; a client stalls at 4,000 by default
)

func (s *Store) save(ctx context.Context, prev, next *darktrace.Checkpoint, changes []*nats.Msg) error {
	if next == nil {
		return errors.New("the checkpoint is nil")
	}
	data, err := json.Marshal(next)
	if err != nil {
		return err
	}
	sequence, err := s.sequence(ctx, prev)
	if err != nil {
		return err
	}
	checkpoint := nats.NewMsg(s.key)
	checkpoint.Data = data
	checkpoint.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(sequence, 10))
	for _, msg := range append(slices.Clone(changes), checkpoint) {
		if err := s.fits(msg); err != nil {
			return err
		}
	}
	inFront := len(changes)
	if s.batch {
		inFront = max(0, len(changes)-batchSize)
	}
	for some := range slices.Chunk(changes[:inFront], atOnce) {
		if err := s.publish(ctx, some); err != nil {
			return err
		}
	}
	saved, err := s.commit(ctx, changes[inFront:], checkpoint)
	if err != nil {
		return err
	}
	s.remember(entry{string(data), saved})
	return nil
}

// sequence returns the stream's sequence number of prev if prev is stored; 0 if
// prev is nil and nothing is stored.
func (s *Store) sequence(ctx context.Context, prev *darktrace.Checkpoint) (uint64, error) {
	var before []byte
	if prev != nil {
		var err error
		if before, err = json.Marshal(prev); err != nil {
			return 0, err
		}
		s.mu.Lock()
		last := s.last
		s.mu.Unlock()
		if last.json == string(before) {
			return last.sequence, nil
		}
	}
	sequence, checkpoint, err := s.stored(ctx)
	if err != nil {
		return 0, err
	}
	if (prev == nil) != (checkpoint == nil) {
		return 0, darktrace.ErrCheckpointConflict
	}
	if prev == nil {
		return sequence, nil // It is not 0 if the key was deleted.
	}
	stored, err := json.Marshal(checkpoint)
	if err != nil {
		return 0, err
	}
	if string(stored) != string(before) {
		return 0, darktrace.ErrCheckpointConflict
	}
	return sequence, nil
}

// stored returns what is stored; nil = nothing.
func (s *Store) stored(ctx context.Context) (sequence uint64, checkpoint *darktrace.Checkpoint, err error) {
	msg, err := s.stream.GetLastMsgForSubject(ctx, s.key)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	if msg.Header.Get("KV-Operation") != "" { // Deleted or purged.
		return msg.Sequence, nil, nil
	}
	checkpoint = new(darktrace.Checkpoint)
	if err := json.Unmarshal(msg.Data, checkpoint); err != nil {
		return 0, nil, err
	}
	return msg.Sequence, checkpoint, nil
}

func (s *Store) remember(e entry) {
	s.mu.Lock()
	s.last = e
	s.mu.Unlock()
}

// fits checks that the server accepts a message of this size.
func (s *Store) fits(msg *nats.Msg) error {
	const batchHeaders = 200 // about the size that a batch adds
	most := int(s.js.Conn().MaxPayload())
	size := len(msg.Data) + batchHeaders
	for key, values := range msg.Header {
		size += len(key) + len(values[0]) + len(": \r\n")
	}
	if size <= most {
		return nil
	}
	what := "the change " + msg.Header.Get(KeyHeader)
	if msg.Subject == s.key {
		what = "the checkpoint"
	}
	return fmt.Errorf("%s has %d bytes, and the server takes %d in a message: raise its max_payload, or narrow the feed", what, size, most)
}

// publish publishes changes one by one, except those that were published before.
func (s *Store) publish(ctx context.Context, changes []*nats.Msg) error {
	var acks []jetstream.PubAckFuture
	for _, msg := range changes {
		ack, err := s.js.PublishMsgAsync(msg)
		if err != nil {
			return err
		}
		acks = append(acks, ack)
	}
	for _, ack := range acks {
		select {
		case <-ack.Ok():
		case err := <-ack.Err():
			if !isKnown(err) {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// commit publishes changes and the checkpoint, as one batch if there are changes,
// and returns the checkpoint's sequence number.
func (s *Store) commit(ctx context.Context, changes []*nats.Msg, checkpoint *nats.Msg) (uint64, error) {
	sequence, err := s.send(ctx, append(slices.Clone(changes), checkpoint))
	if !isKnown(err) {
		return sequence, err
	}
	// Either another program has replaced the checkpoint, or a change was published
	// before and its batch was lost.
	now, _, err := s.stored(ctx)
	if err != nil {
		return 0, err
	}
	if strconv.FormatUint(now, 10) != checkpoint.Header.Get(jetstream.ExpectedLastSubjSeqHeader) {
		return 0, darktrace.ErrCheckpointConflict
	}
	var unknown []*nats.Msg
	for _, msg := range changes {
		_, err := s.stream.GetLastMsgForSubject(ctx, msg.Subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			unknown = append(unknown, msg)
		} else if err != nil {
			return 0, err
		}
	}
	sequence, err = s.send(ctx, append(unknown, checkpoint))
	if isKnown(err) {
		err = darktrace.ErrCheckpointConflict
	}
	return sequence, err
}

// send publishes messages as one batch and returns the last one's sequence
// number.
func (s *Store) send(ctx context.Context, messages []*nats.Msg) (uint64, error) {
	if len(messages) == 1 {
		for _, header := range []string{"Nats-Batch-Id", "Nats-Batch-Sequence", "Nats-Batch-Commit"} {
			messages[0].Header.Del(header) // The header is left from a batch whose changes were all known.
		}
		ack, err := s.js.PublishMsg(ctx, messages[0])
		if err != nil {
			return 0, err
		}
		return ack.Sequence, nil
	}
	conn := s.js.Conn()
	id := nats.NewInbox()
	id = id[strings.LastIndexByte(id, '.')+1:]
	for i, msg := range messages {
		msg.Header.Set("Nats-Batch-Id", id)
		msg.Header.Set("Nats-Batch-Sequence", strconv.Itoa(i+1))
		if i < len(messages)-1 {
			if err := conn.PublishMsg(msg); err != nil {
				return 0, err
			}
		}
	}
	commit := messages[len(messages)-1]
	commit.Header.Set("Nats-Batch-Commit", "1")
	reply, err := conn.RequestMsgWithContext(ctx, commit)
	if err != nil {
		return 0, err
	}
	var ack struct {
		Error    *jetstream.APIError `json:"error"`
		Sequence uint64              `json:"seq"`
		Count    int                 `json:"count"`
	}
	switch err := json.Unmarshal(reply.Data, &ack); {
	case err != nil:
		return 0, fmt.Errorf("the server's reply: %w", err)
	case ack.Error != nil:
		return 0, ack.Error
	case ack.Count != len(messages):
		return 0, fmt.Errorf("the server stored %d of a batch of %d messages", ack.Count, len(messages))
	}
	return ack.Sequence, nil
}

// isKnown reports whether an error means that a subject has another message than
// expected.
func isKnown(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

func (s *Store) failed(doing string, err error) error {
	return fmt.Errorf("natsstore: %s %q: %w", doing, s.name, err)
}
