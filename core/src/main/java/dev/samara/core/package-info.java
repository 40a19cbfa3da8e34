// SPDX-License-Identifier: Apache-2.0
/**
 * The facade: machines, address spaces and their snapshots, and CPUs. It only composes the internal packages; no other
 * package imports it.
 *
 * <p>A {@link dev.samara.core.Machine} holds the state that its address spaces share. An {@link
 * dev.samara.core.AddressSpace} is the memory of one process: it looks up addresses, provides the calls of {@code
 * mman.h}, takes {@linkplain dev.samara.core.LayoutSnapshot snapshots}, and forks. If its machine was built with
 * memory, a {@link dev.samara.core.Cpu} reads and writes the mappings through page tables, page faults and its own TLB;
 * the accesses are methods of its {@link dev.samara.core.guest.GuestMemory}. Without memory, a space is only a layout.
 *
 * <p>Calls come in two forms. The methods of {@code AddressSpace} return a value or a negated errno, for callers that
 * pass the number on to a guest. The methods of {@link dev.samara.core.ThrowingCalls} throw an {@link
 * dev.samara.core.mman.MmException}.
 *
 * <pre>{@code
 * Machine machine = Machine.builder().memory(1L << 30).build();
 * AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
 * long heap = space.mmap(0, 5 * 4096, READ | WRITE, PRIVATE | ANONYMOUS, null, 0);   // an address, or -errno
 *
 * try (Cpu cpu = machine.claimCpu()) {         // owned by this thread
 *     cpu.switchTo(space);
 *     GuestMemory memory = cpu.memory();
 *     memory.store(heap + 8, 8, 42);           // a page fault gives the mapping its first page
 *     memory.load(heap + 8, 8);                // the result is in memory.value()
 * }
 * }</pre>
 *
 * <h2>Terms</h2>
 *
 * <dl>
 *   <dt>Address
 *   <dd>An unsigned 64-bit number in a {@code long}. Ranges of addresses are half-open, {@code [start, end)}. Addresses
 *       and lengths are bytes. Parameter names are uniform: {@code start, length} is a range that a call acts on, and
 *       {@code start, end} a range that is described. {@code address} is a single location: where a call creates or
 *       moves a mapping, or where an access of {@code size} or {@code length} bytes starts.
 *   <dt>VMA
 *   <dd>One mapping of a space: a range with its flags and its backing, an immutable {@link dev.samara.core.vma.Vma}.
 *       It is attached until a change removes it, and detached forever after.
 *   <dt>Layout
 *   <dd>The VMAs of a space at one instant.
 *   <dt>Lookup
 *   <dd>A read of the layout: {@code find}, {@code findNext}, {@code findPrevious}, {@code forEach}, {@code snapshot},
 *       and any read of a snapshot.
 *   <dt>Operation
 *   <dd>A call that changes the layout. It prepares its changes, publishes them with one store (one store per batch if
 *       it changes many mappings one by one), retires the removed pages and translations, and completes.
 *   <dt>In flight
 *   <dd>An operation is in flight from its publication to its completion; so is its range.
 *   <dt>Reference
 *   <dd>A {@link dev.samara.core.VmaRef}: it keeps the backing of a VMA open, even after the VMA is detached, and
 *       delays no operation.
 *   <dt>GUEST
 *   <dd>The state of a CPU that uses translations. An access by address enters GUEST for its duration; a thread that
 *       runs guest code enters GUEST itself, and polls there.
 *   <dt>Grace period
 *   <dd>The wait until every reader section that started before it has ended. Faults, and calls that read pages, run in
 *       reader sections.
 *   <dt>Early reuse
 *   <dd>An option of a space: a new mapping may be placed in the range of a {@code munmap} that is still in flight.
 * </dl>
 *
 * <h2>Threads</h2>
 *
 * <p>Any thread may call any method, except that a {@code Cpu} belongs to the thread that claimed it. Operations hold
 * the space's layout lock while they edit the layout; after the edit they run concurrently, each in its own range. A
 * call that may wait throws {@link IllegalStateException} if its thread has a CPU in GUEST. Accesses by address leave
 * GUEST while they wait instead.
 *
 * <p>No lock is held while a notifier, a listener, or {@code open}, {@code maySplit}, {@code fault} or {@code close} of
 * a backing runs. Most of these callbacks run on the thread whose call needs them. The machine's daemon threads finish
 * asynchronous calls, close backings and deliver changes; they exist only while there is such work.
 *
 * <h2>Progress</h2>
 *
 * <ul>
 *   <li><b>Never wait:</b> lookups, {@code acquire}, {@code poll}, {@code mincore}, {@code pagemap} and {@code
 *       residency}. Lookups and {@code acquire} take no lock.
 *   <li><b>Before publication an operation waits</b> for the operations in flight in its range (with early reuse, an
 *       {@code mmap} does not wait for a {@code munmap}); for earlier operations in its range that have restarted
 *       several times; for replies from its backings; and for the backlog of grace-period callbacks to shrink if it has
 *       reached the machine's maximum. A machine can be built to return {@code EAGAIN} at that maximum instead.
 *   <li><b>After publication an operation that removes pages or rights waits</b> for its notifiers; for each CPU in
 *       GUEST that may cache translations of its range, until that CPU polls or leaves GUEST; for a grace period, if it
 *       frees frames; and, if it moves pages or removes guard markers, for threads that have claimed a page of the
 *       range. An operation that unmaps, replaces or moves also waits for the forks that were copying page tables when
 *       it published. Asynchronous calls return after publication. The machine's threads, or housekeeping steps that
 *       the embedder runs, do the rest without blocking a thread.
 *   <li><b>A fork waits</b> for the operations that were in flight at its instant, and for the CPUs in GUEST that could
 *       still write to pages that both spaces now share.
 *   <li><b>A fault waits</b> for an operation in flight that replaces or moves its page, for a thread that has claimed
 *       the page's entry, for the backing if the page must be read, for the CPUs in GUEST that may cache a translation
 *       of a page that is copied on write, and for page reclaim if no frame is free.
 *   <li><b>Nothing waits</b> for a reference, a snapshot, a frame pin or a watchpoint.
 * </ul>
 *
 * <p>The methods of each class state their own waits.
 *
 * <h2>Memory consistency</h2>
 *
 * <p>Every lookup that starts after a call has returned sees the call's effect. Actions in a thread prior to an
 * operation <i>happen-before</i> actions in another thread subsequent to a lookup that finds the operation's result.
 *
 * <h2>Guarantees</h2>
 *
 * <p>The numbers refer to the invariants that {@code docs/invariants.md} defines.
 *
 * <dl>
 *   <dt>Linux's results (I10)
 *   <dd>Results, errors and their precedence, and the boundaries of VMAs are those of Linux 6.18 (x86-64). Invalid
 *       arguments result in an errno; misuse of the Java API throws and changes nothing.
 *   <dt>Layout (I6, I7)
 *   <dd>Each operation changes the layout at one instant, or in batches if it changes many mappings one by one. No
 *       lookup sees an operation partially applied, or a hole that neither the old nor the new layout contains. Lookups
 *       do not write to memory, with one exception: a lookup that a divided layout has forced to retry 64 times
 *       requests a join with one store.
 *   <dt>Holes (I4)
 *   <dd>A range that {@code munmap} removes disappears from lookups immediately. Without early reuse, the range is not
 *       allocated again before the {@code munmap} completes. With early reuse, a new mapping may take the range
 *       earlier, but no fault is served from it before the {@code munmap} completes.
 *   <dt>Memory (I1, I2, I3)
 *   <dd>At each instant an address translates to at most one frame. After a call that removes a page or a right has
 *       returned, or its future has completed, no CPU completes an access that the new state forbids. A frame is not
 *       reused while a CPU may still access it.
 *   <dt>Waits (I5)
 *   <dd>An operation waits for other operations only in ranges that it names, and for running forks; a fault waits only
 *       for operations at its page, or in the range into which its stack grows.
 *   <dt>Resources (I8, I9)
 *   <dd>After the last user is gone, no frame, page table, reservation or open of the space is left. The backlog of a
 *       stalled reader, or of a CPU that never polls, is bounded and reported.
 * </dl>
 *
 * <p><b>Stability.</b> This package is evolving: each minor version of 0.x may change it. From 1.0 on it is stable,
 * except for elements that are {@linkplain dev.samara.core.annotation.Experimental experimental}.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>Where are a machine's settings and their bounds?</td>
 *       <td>{@link dev.samara.core.MachineBuilder}</td></tr>
 *   <tr><td>Where are a space's settings?</td>
 *       <td>{@link dev.samara.core.AddressSpaceBuilder}</td></tr>
 *   <tr><td>Which calls change, read or end a space?</td>
 *       <td>{@link dev.samara.core.AddressSpace}</td></tr>
 *   <tr><td>What enters and leaves a space, and polls?</td>
 *       <td>{@link dev.samara.core.Cpu}</td></tr>
 *   <tr><td>How does an arbitrary thread enter a space, and which CPU does it get?</td>
 *       <td>{@link dev.samara.core.Guest}, {@code internal.vcpu}</td></tr>
 *   <tr><td>How does a CPU use another space temporarily and return?</td>
 *       <td>{@link dev.samara.core.BorrowedSpace}, {@link dev.samara.core.AdoptedSpace}</td></tr>
 *   <tr><td>What reads and writes another space ({@code process_vm_readv})?</td>
 *       <td>{@code RemoteAccess}</td></tr>
 *   <tr><td>What switches a CPU between spaces, and between threads?</td>
 *       <td>{@code internal.vcpu}</td></tr>
 *   <tr><td>What keeps a space alive, or only its page table, or only its number?</td>
 *       <td>{@link dev.samara.core.SpaceReference}, {@link dev.samara.core.PageTableRef}, {@link
 *       dev.samara.core.SpaceIdentity}</td></tr>
 *   <tr><td>Which space should be reaped under memory pressure?</td>
 *       <td>{@link dev.samara.core.VictimScore}</td></tr>
 *   <tr><td>What writes the lines of {@code /proc/self/maps}?</td>
 *       <td>{@link dev.samara.core.ProcMaps}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core;

import org.jspecify.annotations.NullMarked;
