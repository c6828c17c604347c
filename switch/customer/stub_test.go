package customer

const payment = "135790"

func (w *world) loggedIn(f Follower) Call      { return w.call(f) }
func (w *world) sealed(password string) Sealed { return Sealed(password) }
