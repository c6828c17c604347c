package customer

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
)

// token is the session's token. It follows from the id, so that a login that is
// repeated gets it again and no stored answer needs to hold it.
func (s *Store) token(session string) codec.Secret {
	return codec.NewSecret(base64.RawURLEncoding.EncodeToString(s.Vault.Hash("session token", session)))
}

func (s *Store) tokenHash(token codec.Secret) []byte {
	return s.Vault.Hash("session token kept", token.Reveal())
}

// openSession begins a session. The oldest of too many ends; those that are idle,
// as visitor sees them, end with it and take no place.
func (s *Store) openSession(ctx context.Context, tx switching.Tx, customer string) (id string, at time.Time, err error) {
	id, at = randomID(), s.Now()
	_, err = tx.ExecContext(ctx, `INSERT INTO session (id, customer, token_hash, created, used, ended, why) VALUES ($1, $2, $3, $4, $4, 0, '')`,
		id, customer, s.tokenHash(s.token(id)), at.UnixMilli())
	if err != nil {
		return "", at, fmt.Errorf("open session: %w", err)
	}
	_, err = tx.ExecContext(ctx, `UPDATE session SET ended = $1, why = 'too-many' WHERE customer = $2 AND ended = 0 AND id NOT IN
		(SELECT id FROM session WHERE customer = $2 AND ended = 0 AND used > $5 AND used < $6 ORDER BY id = $3 DESC, created DESC, id LIMIT $4)`,
		at.UnixMilli(), customer, id, s.Limits.Sessions, at.Add(-s.Limits.SessionIdle).UnixMilli(), at.Add(s.Limits.SessionIdle).UnixMilli())
	if err != nil {
		return "", at, fmt.Errorf("end sessions: %w", err)
	}
	return id, at, nil
}

// visitor is who is logged in.
type visitor struct {
	customer string
	session  string    // its id
	used, at time.Time // before, and now
	links    []link    // that the customer may read
}

// withSession runs fn in the reading transaction that found whose session the
// call's token is. A token of another follower is as unknown as one that was
// never given. The reason of a call without a session, for which fn does not
// run, says what the customer needs first: authentication, a login password, or
// to log in.
func (s *Service) withSession(ctx context.Context, call Call, fn func(context.Context, switching.Tx, visitor) error) (reason switching.Reason, err error) {
	var v visitor
	err = s.look(ctx, func(ctx context.Context, tx switching.Tx) (err error) {
		if v, reason, err = s.visitor(ctx, tx, call); err != nil || reason != "" {
			return err
		}
		return fn(ctx, tx, v)
	})
	if err == nil && reason == "" {
		s.touch(ctx, v)
	}
	return reason, err
}

// session returns the customer who is logged in, and the session's id. What
// needs no more than ids is cheaper with withSession.
func (s *Service) session(ctx context.Context, call Call) (c row, id string, reason switching.Reason, err error) {
	reason, err = s.withSession(ctx, call, func(ctx context.Context, tx switching.Tx, v visitor) (err error) {
		id = v.session
		c, err = s.byID(ctx, tx, v.customer)
		return err
	})
	return c, id, reason, err
}

// opened is a session that has not ended, and its customer, as they are kept.
type opened struct {
	customer, session string // ids
	of                Follower
	state             State
	frozen            bool
	created, used     int64
}

const openedColumns = `customer.id, channel, subject, customer.state, frozen, session.id, session.created, session.used`

func (o *opened) columns() []any {
	return []any{&o.customer, &o.of.Channel, &o.of.Subject, &o.state, &o.frozen, &o.session, &o.created, &o.used}
}

// The second is for a customer without links. That none has ended is said twice:
// SQLite takes an index with a condition for a query that has the same words, and
// else looks at everybody's.
const (
	ofSession = ` FROM session JOIN customer ON customer.id = session.customer
		JOIN link ON link.customer = session.customer AND link.state <> 'ended' AND link.state IN ('active', 'detaching')
		WHERE token_hash = $1 AND ended = 0`
	ofBareSession = ` FROM session JOIN customer ON customer.id = session.customer WHERE token_hash = $1 AND ended = 0`
)

// visitor returns who is logged in by the call's token. Its row and its links
// come by one query: this is what every page begins with.
func (s *Store) visitor(ctx context.Context, tx switching.Tx, call Call) (v visitor, reason switching.Reason, err error) {
	var o opened
	if !call.Session.IsZero() {
		if o, v.links, err = s.readSession(ctx, tx, s.tokenHash(call.Session)); err != nil {
			return visitor{}, "", fmt.Errorf("read session: %w", err)
		}
	}
	now := s.Now()
	v.customer, v.session, v.used, v.at = o.customer, o.session, moment(o.used), now
	switch {
	case o.session == "" || o.of != call.Follower || !o.state.Active(),
		// before them: the clock was set back
		now.Sub(v.used).Abs() >= s.Limits.SessionIdle, now.Sub(moment(o.created)).Abs() >= s.Limits.SessionMax:
		reason, err = s.missing(ctx, tx, call.Follower)
		return visitor{}, reason, err
	case o.frozen:
		return visitor{}, ReasonFrozen, nil
	}
	return v, "", nil
}

func (s *Store) readSession(ctx context.Context, tx switching.Tx, hash []byte) (o opened, list []link, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT `+openedColumns+`, `+linkColumns+ofSession, hash)
	if err != nil {
		return o, nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for rows.Next() {
		l, err := s.scanLink(rows, o.columns()...)
		if err != nil {
			return o, nil, err
		}
		list = append(list, l)
	}
	if err := rows.Err(); err != nil || len(list) > 0 {
		return o, list, err
	}
	err = tx.QueryRowContext(ctx, `SELECT `+openedColumns+ofBareSession, hash).Scan(o.columns()...)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return o, nil, err
}

// missing says why the follower has no session.
func (s *Store) missing(ctx context.Context, tx switching.Tx, f Follower) (switching.Reason, error) {
	c, _, err := s.byFollower(ctx, tx, f)
	switch {
	case err != nil:
		return "", err
	case c.Frozen:
		return ReasonFrozen, nil
	case !c.State.Active():
		return ReasonNotAuthenticated, nil
	case c.Login.Hash == "":
		return ReasonNoLogin, nil
	}
	return ReasonNoSession, nil
}

// touch writes that the session was used when visitor saw it: a session that a
// slow disk let end since then stays ended. It does not write every use: one may
// end up to a tenth of the idle limit early. A failure ends it early at worst.
func (s *Service) touch(ctx context.Context, v visitor) {
	due := v.at.Add(-s.Limits.SessionIdle / 10)
	if !v.used.Before(due) {
		return
	}
	err := s.DB.Write(ctx, func(ctx context.Context, tx db.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE session SET used = $1 WHERE id = $2 AND ended = 0 AND used < $3`,
			v.at.UnixMilli(), v.session, due.UnixMilli())
		return err
	})
	if err != nil {
		s.Log.Warn().Err(err).Msg("use of a session not written")
	}
}

// sessionOpen reports whether the session that a call came with is still open
// in the transaction that the call leads to.
func (s *Store) sessionOpen(ctx context.Context, tx switching.Tx, id, customer string) (open bool, err error) {
	now := s.Now()
	err = tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM session WHERE id = $1 AND customer = $2 AND ended = 0 AND created > $3 AND created < $4)`,
		id, customer, now.Add(-s.Limits.SessionMax).UnixMilli(), now.Add(s.Limits.SessionMax).UnixMilli()).Scan(&open)
	if err != nil {
		return false, fmt.Errorf("read session: %w", err)
	}
	return open, nil
}

// endSessions ends the customer's sessions.
func (s *Store) endSessions(ctx context.Context, tx switching.Tx, customer, why string) error {
	return s.endOthers(ctx, tx, customer, codec.Secret{}, why)
}

// endOthers ends the customer's sessions but the one with the token.
func (s *Store) endOthers(ctx context.Context, tx switching.Tx, customer string, but codec.Secret, why string) error {
	_, err := tx.ExecContext(ctx, `UPDATE session SET ended = $1, why = $2 WHERE customer = $3 AND ended = 0 AND token_hash <> $4`,
		s.Now().UnixMilli(), why, customer, s.tokenHash(but))
	if err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}

// endSession ends the customer's session with the token, if there is one.
func (s *Store) endSession(ctx context.Context, tx switching.Tx, customer string, token codec.Secret, why string) error {
	_, err := tx.ExecContext(ctx, `UPDATE session SET ended = $1, why = $2 WHERE customer = $3 AND ended = 0 AND token_hash = $4`,
		s.Now().UnixMilli(), why, customer, s.tokenHash(token))
	if err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}
