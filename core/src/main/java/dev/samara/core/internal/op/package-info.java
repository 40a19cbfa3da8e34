// SPDX-License-Identifier: Apache-2.0
/**
 * The four phases in which an operation changes a layout: prepare, publish, retire, complete.
 *
 * <ul>
 *   <li>An {@link dev.samara.core.internal.op.Operation} runs an {@code Operation.Call} through the phases. Each of its
 *       attempts is an {@link dev.samara.core.internal.op.Edit}. An attempt is dropped if it overlaps the range of an
 *       operation in flight, or if a backing must be asked first. The operation then waits or asks ({@code
 *       BackingQuestions}) without the lock, and retries. After several restarts it takes a {@code Ticket}, and later
 *       operations in its ranges wait for that ticket.
 *   <li>An {@link dev.samara.core.internal.op.Edit} is one tree transaction with its counters. It holds the layout
 *       lock, and the call decides what the edit changes, checking for errors in Linux's order. One store publishes all
 *       changes of an edit, so readers see all of them or none. This also holds where Linux stops half-way and keeps
 *       the changes it has made. A call that changes many VMAs one by one publishes one edit per batch, so readers may
 *       see earlier batches without later ones. The steps and their argument stand at the head of the file.
 *   <li>{@link dev.samara.core.internal.op.VmaMerge} merges, splits and unmaps VMAs, {@link
 *       dev.samara.core.internal.op.Placement} chooses addresses, and {@code Edit.CommitCharge} charges memory.
 *   <li>Ranges that an operation unmaps, replaces, moves or narrows stay in flight until {@code RetirementRun} has
 *       retired their pages, with the steps of {@code PageRetirement}, and completed them: it clears the reservations,
 *       joins neighbours and opens the gate.
 *   <li>{@link dev.samara.core.internal.op.CopyPageTables} copies page tables for a fork.
 * </ul>
 *
 * <p>docs/architecture.md follows one mmap, one fault and one munmap through the classes.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>Where does an operation detect another one in its range, and wait for it?</td>
 *       <td>{@link dev.samara.core.internal.op.Edit#claim}, {@code Operation.RangeWait}, which also takes the
 *       ticket</td></tr>
 *   <tr><td>How can an attempt end, and what happens next?</td>
 *       <td>{@code Operation.AttemptOutcome}, {@code Operation.prepareNext}</td></tr>
 *   <tr><td>What reserves the resources of a retirement, or rejects an operation that lacks them?</td>
 *       <td>{@code Operation.prepare}; page tables {@code Operation.PreallocatedTables}</td></tr>
 *   <tr><td>What bounds the number of asynchronous operations?</td>
 *       <td>{@code Operation.takePlace}, {@link dev.samara.core.internal.sync.Rcu}</td></tr>
 *   <tr><td>What removes the pages of a range, and frees their frames only after all CPUs have flushed?</td>
 *       <td>{@code RetirementRun.PageRetirement}, by a {@link dev.samara.core.internal.tlb.TlbGather}</td></tr>
 *   <tr><td>Which store removes the VMAs of a range from the tree?</td>
 *       <td>{@code Edit.reserve}, by {@link dev.samara.core.internal.op.VmaMerge}</td></tr>
 *   <tr><td>What opens the gate of a range in flight?</td>
 *       <td>{@code RetirementRun.completeRange}</td></tr>
 *   <tr><td>Which anon_vma does a VMA get with its first page of its own ({@code find_mergeable_anon_vma})?</td>
 *       <td>{@code VmaMerge.anonVmaFor}; for a fault {@code VmaMerge.prepareAnonVma} calls it</td></tr>
 *   <tr><td>What keeps two mergeable VMAs separate while an operation is in flight?</td>
 *       <td>{@code Edit.cutSeams}</td></tr>
 *   <tr><td>What counts VMAs against the limit?</td>
 *       <td>{@link dev.samara.core.internal.op.Edit#mayGrow}</td></tr>
 *   <tr><td>What charges memory, and what enforces the limit?</td>
 *       <td>{@code Edit.CommitCharge}, {@link dev.samara.core.internal.memory.CommittedMemory}</td></tr>
 *   <tr><td>Where does an operation wait for a fork that copies page tables?</td>
 *       <td>{@code Edit.publish}, in step 4</td></tr>
 * </table>
 */
package dev.samara.core.internal.op;
