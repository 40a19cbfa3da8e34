// SPDX-License-Identifier: Apache-2.0
/**
 * The facade: machines, address spaces and their snapshots. It only composes what the packages below do.
 *
 * <p>A {@link dev.samara.core.Machine} holds what its address spaces share. An {@link dev.samara.core.AddressSpace} is
 * what a process has: ask it what is mapped at an address, change it with the calls of {@code mman.h}, take {@linkplain
 * dev.samara.core.LayoutSnapshot snapshots} of it, fork it. If its machine was built with memory, a {@link
 * dev.samara.core.Cpu} reads and writes what is mapped, through page tables, page faults and a TLB of its own; without
 * memory, a space is a layout only.
 *
 * <p><b>Calls</b> come in two forms. Those of {@code AddressSpace} return a value or a negated errno, for callers
 * that pass the number on to a guest; those of {@link dev.samara.core.ThrowingCalls} throw an {@link
 * dev.samara.core.mman.MmException}. Results, errors and their precedence, and the boundaries of VMAs are Linux 6.18's.
 *
 * <p><b>Threads.</b> Everything may be called from any thread, except that a {@code Cpu} belongs to the thread that has
 * claimed it. {@code find}, {@code keep} and {@code snapshot} take no lock and never wait. Calls that change the layout
 * take the space's layout lock while they edit it; what follows the edit runs side by side, each call in its own range.
 * What a call did is visible to all look-ups that begin after it returned, and appears at one instant.
 *
 * <p><b>Waits.</b> Before it has changed anything, a call waits for an operation that is in transit in a range that it
 * names (with early reuse, an {@code mmap} does not wait for a {@code munmap}), for one that has been restarted too
 * often and is next, and for room among grace periods, if as many are pending as the machine allows. A call that takes
 * pages or rights away then waits for the CPUs in GUEST that may have translations of them, until each of them polls or
 * leaves GUEST; for a grace period, if frames are freed; and for a fork that is copying the range. A fork waits for
 * what was in transit at its instant. A fault waits for an operation at its page, for the backing of a page that has to
 * be read, and, to copy a page on write, for the CPUs in GUEST that may have a translation of it.
 *
 * <p><b>Lifetimes.</b> A VMA is attached until a change takes it out; a {@link dev.samara.core.VmaRef} holds its
 * backing open beyond that, and holds up nobody. Backings are closed, changes and reports delivered by daemon threads
 * of the machine, which come and go with the work.
 */
package dev.samara.core;
