package customer

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
)

// What a front without memory keeps at the switch: where a conversation stands,
// and values that are taken once. Values are sealed, names are keyed indexes, and
// what is over is not given out, and deleted by Clean. These operations need no
// idempotency key.

// The bounds of what is kept; sizes in bytes.
const (
	MaxTalk     = 1 << 10
	MaxTalkLife = 10 * time.Minute // also of a location in it (D1)
	MaxOnce     = 8 << 10
	MaxOnceLife = time.Hour

	maxName    = 256
	forgetStep = 5_000 // deleted in one transaction
)

// Errors of what a front keeps.
var (
	ErrKeptSize = errors.New("customer: a kept value or its name is too long, or has no name")
	ErrKeptLife = errors.New("customer: the life of a kept value is out of range")
	// ErrKeptFull: Limits.Kept values of the kind were kept in the life of its
	// oldest. Nothing was done; what is over makes room.
	ErrKeptFull = errors.New("customer: no room for another value")
)

// SetTalk keeps where the conversation with a follower stands, in place of what
// was kept before. Errors: ErrKept…, switching.ErrOutcomeUnknown.
func (s *Store) SetTalk(ctx context.Context, f Follower, value codec.Secret, life time.Duration) error {
	k, err := s.talk(f)
	if err != nil {
		return err
	}
	return k.put(ctx, value, life)
}

// Talk returns where the conversation with a follower stands; not found where it
// is over.
func (s *Store) Talk(ctx context.Context, f Follower) (value codec.Secret, found bool, err error) {
	k, err := s.talk(f)
	if err != nil {
		return value, false, err
	}
	err = s.reading(ctx, func(ctx context.Context, tx switching.Tx) error {
		value, found, err = k.get(ctx, tx)
		return err
	})
	return value, found, err
}

// EndTalk forgets where the conversation with a follower stands.
func (s *Store) EndTalk(ctx context.Context, f Follower) error {
	k, err := s.talk(f)
	if err != nil {
		return err
	}
	return s.keeping(ctx, k.drop)
}

// Once keeps a value under a name that has none. Of all that ask for one name,
// at any instance, one is first; the others get its value. A caller that did not
// hear the answer knows by its own value, if that is like no other, that it was
// first.
func (s *Store) Once(ctx context.Context, name string, value codec.Secret, life time.Duration) (first bool, before codec.Secret, err error) {
	k, err := s.keeper("once", MaxOnce, MaxOnceLife, name)
	if err == nil {
		err = k.check(value, life)
	}
	if err != nil {
		return false, before, err
	}
	err = s.keeping(ctx, func(ctx context.Context, tx switching.Tx) error {
		var found bool
		if before, found, err = k.get(ctx, tx); err != nil || found {
			return err
		}
		first = true
		return k.set(ctx, tx, value, life)
	})
	return first && err == nil, before, err
}

// PutOnce keeps a value under a name, in place of what was there: the answer of
// a callback whose duplicates Once recognises.
func (s *Store) PutOnce(ctx context.Context, name string, value codec.Secret, life time.Duration) error {
	k, err := s.keeper("once", MaxOnce, MaxOnceLife, name)
	if err != nil {
		return err
	}
	return k.put(ctx, value, life)
}

// Take returns the value under a name and deletes it: of all that ask, at any
// instance, one finds it.
func (s *Store) Take(ctx context.Context, name string) (value codec.Secret, found bool, err error) {
	k, err := s.keeper("once", MaxOnce, MaxOnceLife, name)
	if err != nil {
		return value, false, err
	}
	err = s.keeping(ctx, func(ctx context.Context, tx switching.Tx) error {
		if value, found, err = k.get(ctx, tx); err != nil || !found {
			return err
		}
		return k.drop(ctx, tx)
	})
	if err != nil {
		return codec.Secret{}, false, err
	}
	return value, found, nil
}

// keeping runs fn in a transaction that writes.
func (s *Store) keeping(ctx context.Context, fn func(ctx context.Context, tx switching.Tx) error) error {
	err := s.DB.Write(ctx, func(ctx context.Context, tx db.Tx) error { return fn(ctx, tx) })
	if errors.Is(err, db.ErrUnknown) {
		return fmt.Errorf("%w: %w", switching.ErrOutcomeUnknown, err)
	}
	return err
}

// forget deletes what is over, a part at a time, so that it holds nobody up. What
// ends later than anything that is kept now was kept before the clock was set back:
// it would take its room until then.
func (s *Store) forget(ctx context.Context, now time.Time) error {
	for table, life := range map[string]time.Duration{"talk": MaxTalkLife, "once": MaxOnceLife} {
		for more := true; more; {
			err := s.keeping(ctx, func(ctx context.Context, tx switching.Tx) error {
				r, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE id IN (
					SELECT * FROM (SELECT id FROM `+table+` WHERE expires <= $1 ORDER BY expires LIMIT $3) UNION ALL
					SELECT * FROM (SELECT id FROM `+table+` WHERE expires > $2 ORDER BY expires DESC LIMIT $3))`,
					now.UnixMilli(), now.Add(2*life).UnixMilli(), forgetStep)
				if err != nil {
					return err
				}
				n, err := r.RowsAffected()
				more = n >= forgetStep
				return err
			})
			if err != nil {
				return fmt.Errorf("forget %s: %w", table, err)
			}
		}
	}
	return nil
}

// rooms are the beginnings of names whose values have room of their own, each
// Limits.Kept; all others share one. They are the API's (PutKept).
var rooms = []string{"answer/", "notice/", "oauth-state/", "sent/"}

func roomOf(name string) string {
	i := slices.IndexFunc(rooms, func(room string) bool { return strings.HasPrefix(name, room) })
	if i < 0 {
		return ""
	}
	return rooms[i]
}

// keeper keeps one value, in one of the two tables.
type keeper struct {
	*Store
	table string
	size  int // at most
	life  time.Duration
	room  string
	name  []byte // keyed index
}

func (s *Store) keeper(table string, size int, life time.Duration, name ...string) (keeper, error) {
	for _, n := range name {
		if n == "" || len(n) > maxName {
			return keeper{}, ErrKeptSize
		}
	}
	return keeper{s, table, size, life, roomOf(name[0]), s.Vault.Index(append([]string{table}, name...)...)}, nil
}

func (s *Store) talk(f Follower) (keeper, error) {
	return s.keeper("talk", MaxTalk, MaxTalkLife, f.Channel, f.Subject)
}

func (k keeper) check(value codec.Secret, life time.Duration) error {
	switch {
	case len(value.Reveal()) > k.size:
		return ErrKeptSize
	case life <= 0 || life > k.life:
		return ErrKeptLife
	}
	return nil
}

// context binds a sealed value to its row.
func (k keeper) context() []byte { return []byte(k.table + ".value " + hex.EncodeToString(k.name)) }

func (k keeper) put(ctx context.Context, value codec.Secret, life time.Duration) error {
	if err := k.check(value, life); err != nil {
		return err
	}
	return k.keeping(ctx, func(ctx context.Context, tx switching.Tx) error { return k.set(ctx, tx, value, life) })
}

// get returns the value, if it is there and not over.
func (k keeper) get(ctx context.Context, tx switching.Tx) (value codec.Secret, found bool, err error) {
	var sealed []byte
	err = tx.QueryRowContext(ctx, `SELECT value FROM `+k.table+` WHERE name = $1 AND expires > $2`, k.name, k.Now().UnixMilli()).Scan(&sealed)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return value, false, nil
	case err != nil:
		return value, false, fmt.Errorf("read %s: %w", k.table, err)
	}
	clear, err := k.Vault.Open(sealed, k.context())
	if err != nil {
		return value, false, fmt.Errorf("open %s: %w", k.table, err)
	}
	return codec.NewSecret(string(clear)), true, nil
}

// set writes the value with a seq above all others of its room: so the first and
// the last tell, without counting, that there are not too many.
func (k keeper) set(ctx context.Context, tx switching.Tx, value codec.Secret, life time.Duration) error {
	sealed, err := k.Vault.Seal([]byte(value.Reveal()), k.context())
	if err != nil {
		return fmt.Errorf("seal %s: %w", k.table, err)
	}
	if err := k.drop(ctx, tx); err != nil {
		return err
	}
	var first, last int64
	err = tx.QueryRowContext(ctx, `SELECT COALESCE((SELECT MIN(seq) FROM `+k.table+` WHERE room = $1), 1),
		COALESCE((SELECT MAX(seq) FROM `+k.table+` WHERE room = $1), 0)`, k.room).Scan(&first, &last)
	switch {
	case err != nil:
		return fmt.Errorf("count %s: %w", k.table, err)
	case last-first+1 >= int64(k.Limits.Kept):
		return ErrKeptFull
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO `+k.table+` (name, value, expires, room, seq) VALUES ($1, $2, $3, $4, $5)`,
		k.name, sealed, k.Now().Add(life).UnixMilli(), k.room, last+1)
	if err != nil {
		return fmt.Errorf("keep %s: %w", k.table, err)
	}
	return nil
}

func (k keeper) drop(ctx context.Context, tx switching.Tx) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM `+k.table+` WHERE name = $1`, k.name); err != nil {
		return fmt.Errorf("drop %s: %w", k.table, err)
	}
	return nil
}
