// SPDX-License-Identifier: Apache-2.0
/**
 * How threads wait for each other outside of locks, and to whom they leave what they must not wait for.
 *
 * <p>A {@link dev.samara.core.wait.Gate} is what a thread waits at that has met the range of an operation in transit:
 * it spins for a moment, parks, and passes when the operation has completed. A {@link dev.samara.core.wait.Watch} hears
 * of waits that last.
 *
 * <p>A {@link dev.samara.core.wait.Background} is a machine's own threads. What must not run on a caller's thread,
 * because it may block or call out, is given to them; a task that hangs holds up nobody behind it.
 *
 * <p>Nothing here knows of addresses or of trees, and no lock of this package is held while code of an embedder runs.
 * Not exported.
 */
package dev.samara.core.wait;
