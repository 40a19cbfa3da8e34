// SPDX-License-Identifier: Apache-2.0
/**
 * The facade: machines, address spaces and their snapshots, and CPUs. It only composes the internal packages, and no
 * other package imports it.
 *
 * <p>A {@link dev.samara.core.Machine} holds the state that its address spaces share. An {@link
 * dev.samara.core.AddressSpace} is the memory of one process: it answers lookups of addresses, has the calls of {@code
 * mman.h}, takes {@linkplain dev.samara.core.LayoutSnapshot snapshots}, and forks. If its machine was built with
 * memory, a {@link dev.samara.core.Cpu} reads and writes the mappings, through page tables, page faults and a TLB of
 * its own. It does so with the accesses of a {@link dev.samara.core.guest.GuestMemory}. Without memory, a space is a
 * layout only.
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
 *       and lengths are bytes.
 *       Parameters have one name each: {@code start, length} for a range that a call acts on, {@code start, end} for
 *       a range that is described, and {@code address} for a place: of a mapping that a call makes or moves, or of an
 *       access with its {@code size} or {@code length}.
 *   <dt>VMA
 *   <dd>One mapping of a space: a range with its flags and its backing, an immutable {@link dev.samara.core.vma.Vma}.
 *       It is attached until a change removes it, and detached for ever after.
 *   <dt>Layout
 *   <dd>The VMAs of a space at one instant.
 *   <dt>Lookup
 *   <dd>A read of the layout: {@code find}, {@code findNext}, {@code findPrevious}, {@code forEach}, {@code snapshot},
 *       and any read of a snapshot.
 *   <dt>Operation
 *   <dd>A call that changes the layout. It prepares, publishes its changes with one store (of each batch, if it changes
 *       many mappings one by one), retires the removed pages and translations, and completes.
 *   <dt>In flight
 *   <dd>Said of an operation between its publication and its completion, and of its range.
 *   <dt>Reference
 *   <dd>A {@link dev.samara.core.VmaRef}: it keeps the backing of a VMA open, also after the VMA was detached, and
 *       delays no operation.
 *   <dt>GUEST
 *   <dd>The state of a CPU that uses translations. An access by address enters GUEST for its duration; a thread that
 *       runs guest code enters GUEST itself, and polls there.
 *   <dt>Grace period
 *   <dd>Ends when each reader section that had begun before it has ended. Faults, and calls that read pages, run in
 *       reader sections.
 *   <dt>Early reuse
 *   <dd>An option of a space: a mapping may be placed in the range of a {@code munmap} in flight.
 * </dl>
 *
 * <h2>Threads</h2>
 *
 * <p>Any thread may call any method, except that a {@code Cpu} belongs to the thread that has claimed it. Operations
 * take the space's layout lock while they edit the layout; after the edit they run concurrently, each in its own range.
 * A thread with a CPU in GUEST is refused calls that may wait ({@link IllegalStateException}); accesses by address
 * leave GUEST for their waits instead.
 *
 * <p>No lock is held while a notifier, a listener, or {@code open}, {@code maySplit}, {@code fault} or {@code close} of
 * a backing runs. Most of them run on the thread whose call needs them. Daemon threads of the machine finish
 * asynchronous calls, close backings and deliver changes; they start and end with the work.
 *
 * <h2>Progress</h2>
 *
 * <ul>
 *   <li><b>Never wait:</b> lookups, {@code acquire}, {@code poll}, {@code mincore}, {@code pagemap} and {@code
 *       residency}. Lookups and {@code acquire} take no lock.
 *   <li><b>Before publication an operation waits</b> for the operations in flight in its range (with early reuse, an
 *       {@code mmap} does not wait for a {@code munmap}); for earlier operations in its range that have restarted
 *       several times; for the answers of its backings; and for a free place among the grace periods, if as many
 *       callbacks are pending as the machine allows. The machine can be built to return {@code EAGAIN} there instead.
 *   <li><b>After publication an operation that removes pages or rights waits</b> for its notifiers; for the CPUs in
 *       GUEST that may have translations of its range, until each of them polls or leaves GUEST; for a grace period, if
 *       frames are freed; and, if it moves pages or removes guard markers, for threads that have claimed a page of the
 *       range. An operation that unmaps, replaces or moves also waits for the forks that were copying page tables when
 *       it published. Asynchronous calls return after publication; threads of the machine, or steps that the embedder
 *       makes, do the rest without a thread that waits.
 *   <li><b>A fork waits</b> for the operations that were in flight at its instant, and for the CPUs in GUEST that could
 *       write pages that both spaces share.
 *   <li><b>A fault waits</b> for an operation in flight that replaces or moves its page, for a thread that has claimed
 *       the page's entry, for the backing of a page that has to be read, for the CPUs in GUEST that may have a
 *       translation of a page that is copied on write, and for a reclaim of pages if no frame is free.
 *   <li><b>Nothing waits</b> for a reference, a snapshot, a frame pin or a watchpoint.
 * </ul>
 *
 * <p>The methods of each class state their own waits.
 *
 * <h2>Memory consistency</h2>
 *
 * <p>All lookups that begin after a call has returned see its effect. Actions in a thread before an operation
 * <i>happen-before</i> actions in another thread after a lookup that has found the result of that operation.
 *
 * <h2>Guarantees</h2>
 *
 * <p>{@code docs/invariants.md} defines the invariants whose numbers stand here.
 *
 * <dl>
 *   <dt>Linux's results (I10)
 *   <dd>Results, errors and their precedence, and the boundaries of VMAs are those of Linux 6.18 (x86-64). Bad
 *       arguments result in an errno; misuse of the Java API throws and changes nothing.
 *   <dt>Layout (I6, I7)
 *   <dd>Each operation changes the layout at one instant, or in batches if it changes many mappings one by one. No
 *       lookup sees a part of an operation, or a hole that neither the old nor the new layout has. Lookups store
 *       nothing; only one that has found 64 times that a divided layout changed asks for a join by one store.
 *   <dt>Holes (I4)
 *   <dd>A range that {@code munmap} removes is absent from lookups at once. Without early reuse, it is not allocated
 *       before the {@code munmap} has completed. With early reuse no fault is served from the new mapping before.
 *   <dt>Memory (I1, I2, I3)
 *   <dd>At each instant an address translates to at most one frame. After a call that removes a page or a right has
 *       returned, or its future has completed, no CPU completes an access that the new state forbids. A frame is not
 *       used again while a CPU may use it.
 *   <dt>Waits (I5)
 *   <dd>An operation waits for other operations only in ranges that it names, and for running forks; a fault waits only
 *       for operations at its page, or in the range into which its stack grows.
 *   <dt>Resources (I8, I9)
 *   <dd>When the last user has gone, frames, page tables, reservations and opens are as they were at the beginning. The
 *       backlog of a stalled reader, or of a CPU that never polls, is bounded and reported.
 * </dl>
 *
 * <p><b>Stability.</b> This package is evolving: each minor version of 0.x may change it. From 1.0 on it is stable,
 * except for elements that are {@linkplain dev.samara.core.annotation.Experimental experimental}.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>What has the settings of a machine, and their bounds?</td>
 *       <td>{@link dev.samara.core.MachineBuilder}</td></tr>
 *   <tr><td>What has the settings of a space?</td>
 *       <td>{@link dev.samara.core.AddressSpaceBuilder}</td></tr>
 *   <tr><td>Which call changes, reads or ends a space?</td>
 *       <td>{@link dev.samara.core.AddressSpace}</td></tr>
 *   <tr><td>What enters a space, leaves it, and polls?</td>
 *       <td>{@link dev.samara.core.Cpu}</td></tr>
 *   <tr><td>With what does any thread enter a space, and which CPU does it get?</td>
 *       <td>{@link dev.samara.core.Guest}, {@code internal.vcpu}</td></tr>
 *   <tr><td>With what does a CPU use another space for a while, and come back?</td>
 *       <td>{@link dev.samara.core.BorrowedSpace}, {@link dev.samara.core.AdoptedSpace}</td></tr>
 *   <tr><td>What reads and writes another space ({@code process_vm_readv})?</td>
 *       <td>{@code RemoteAccess}</td></tr>
 *   <tr><td>What takes a CPU from space to space, and from thread to thread?</td>
 *       <td>{@code internal.vcpu}</td></tr>
 *   <tr><td>What keeps a space, its page table or only its number alive?</td>
 *       <td>{@link dev.samara.core.SpaceReference}, {@link dev.samara.core.PageTableRef}, {@link
 *       dev.samara.core.SpaceIdentity}</td></tr>
 *   <tr><td>Which space should memory pressure end?</td>
 *       <td>{@link dev.samara.core.VictimScore}</td></tr>
 *   <tr><td>What writes the lines of {@code /proc/self/maps}?</td>
 *       <td>{@link dev.samara.core.ProcMaps}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core;

import org.jspecify.annotations.NullMarked;
