package switching

// Kept are the entries that somebody waits for, and the places that closes have.
func (s *Switch) Kept() (awaited, closing int) {
	s.watch.mu.Lock()
	defer s.watch.mu.Unlock()
	return len(s.watch.m), len(s.closers)
}
