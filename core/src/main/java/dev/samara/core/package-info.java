// SPDX-License-Identifier: Apache-2.0
/**
 * The facade: machines, address spaces and their snapshots. It only composes what the packages below do.
 *
 * <p>A {@link dev.samara.core.Machine} holds what its address spaces share. An {@link dev.samara.core.AddressSpace} is
 * what a process has: ask it what is mapped at an address, change it with the calls of {@code mman.h}, take {@linkplain
 * dev.samara.core.LayoutSnapshot snapshots} of it, fork it.
 *
 * <p><b>Calls</b> come in two forms. Those of {@code AddressSpace} return a value or a negated errno, for who passes
 * the number on to a guest; those of {@link dev.samara.core.ThrowingCalls} throw an {@link
 * dev.samara.core.vma.MmException}. Results, errors and their precedence, and the boundaries of VMAs are Linux 6.18's.
 *
 * <p><b>Threads.</b> Everything may be called from any thread. {@code find}, {@code keep} and {@code snapshot} take no lock
 * and never wait. The other calls take the space's layout lock while the layout is edited, and for nothing else; what
 * follows the edit runs side by side, each in its own range. A call waits only for one that is in transit in a range that
 * it names, or that has insisted on being next. What a call did is visible to all look-ups that begin after it returned,
 * and appears at one instant.
 *
 * <p><b>Lifetimes.</b> A VMA is attached until a change takes it out; a {@link dev.samara.core.Keep} holds its backing
 * open beyond that, and holds up nobody. Backings are closed, changes and reports delivered by daemon threads of the
 * machine, which come and go with the work.
 */
package dev.samara.core;
