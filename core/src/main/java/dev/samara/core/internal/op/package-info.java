// SPDX-License-Identifier: Apache-2.0
/**
 * The four phases in which an operation changes a layout: prepare, publish, retire, complete.
 *
 * <p>An {@link dev.samara.core.internal.op.Operation} runs a {@link dev.samara.core.internal.op.Call}. Each of its
 * attempts is an {@link dev.samara.core.internal.op.Edit} of an {@link dev.samara.core.internal.op.EditedLayout}: one
 * tree transaction with its counters. The edit holds the layout lock, and the call decides what the edit changes,
 * checking for errors in Linux's order. {@link dev.samara.core.internal.op.Publication} publishes all changes of an
 * edit with one store, so readers see all of them or none. This also holds where Linux stops half-way and keeps the
 * changes it has made. A call that changes many VMAs one by one publishes one edit per batch ({@code
 * PublicationBatches}), so readers may see earlier batches without later ones.
 *
 * <p>An attempt is dropped if it overlaps the range of an operation in flight, or if a backing must be asked first; its
 * {@linkplain dev.samara.core.internal.op.AttemptOutcome outcome} gives the reason. The operation then {@linkplain
 * dev.samara.core.internal.op.RangeWait waits} or {@linkplain dev.samara.core.internal.op.BackingQuestions asks}
 * without the lock, and retries. After several restarts it takes a {@link dev.samara.core.internal.space.Ticket}, and
 * later operations in its ranges wait for that ticket. Ranges that an operation unmaps, replaces, moves or narrows stay
 * in flight until {@link dev.samara.core.internal.op.RetirementRun} has retired their pages. Then its {@link
 * dev.samara.core.internal.op.CompletePhase} clears the reservations, joins neighbours and opens the gate.
 *
 * <p>{@link dev.samara.core.internal.op.MergeRules} decides which VMAs are merged. {@link
 * dev.samara.core.internal.op.VmaMerge} merges them, and {@link dev.samara.core.internal.op.VmaCut} splits one. {@link
 * dev.samara.core.internal.op.Placement} chooses addresses. {@link dev.samara.core.internal.op.CommitCharge} charges
 * memory. {@link dev.samara.core.internal.op.OpenTransfer} passes a backing's opens from removed VMAs to new ones.
 * {@link dev.samara.core.internal.op.CopyPageTables} copies page tables for a fork.
 *
 * <p>docs/architecture.md follows one mmap, one fault and one munmap through the classes.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>Which phases does an operation go through?</td>
 *       <td>{@link dev.samara.core.internal.op.Operation}, {@link dev.samara.core.internal.op.Publication}, {@code
 *       RetirementRun}, {@code CompletePhase}</td></tr>
 *   <tr><td>Where does an operation detect another one in its range, and wait for it?</td>
 *       <td>{@link dev.samara.core.internal.op.Edit#claim}, {@code RangeWait}</td></tr>
 *   <tr><td>How can an attempt end, and what happens next?</td>
 *       <td>{@code AttemptOutcome}, {@link dev.samara.core.internal.op.Operation}</td></tr>
 *   <tr><td>When does an operation take a ticket?</td>
 *       <td>{@code RangeWait}</td></tr>
 *   <tr><td>What reserves the resources of a retirement, or rejects an operation that lacks them?</td>
 *       <td>{@code RetirementResources}</td></tr>
 *   <tr><td>What bounds the number of asynchronous operations?</td>
 *       <td>{@code BacklogPlace}, {@link dev.samara.core.internal.sync.Rcu}</td></tr>
 *   <tr><td>What does publication leave to the retire phase, and what runs that phase?</td>
 *       <td>{@code PreparedRetirement}, {@code RetirementRun}</td></tr>
 *   <tr><td>What removes the pages of a range, and frees their frames only after all CPUs have flushed?</td>
 *       <td>{@link dev.samara.core.internal.op.PageRetirement}, by a {@link
 *       dev.samara.core.internal.tlb.TlbGather}</td></tr>
 *   <tr><td>Which store removes the VMAs of a range from the tree?</td>
 *       <td>{@code UnmappedRanges}, by {@link dev.samara.core.internal.op.GatheredVmas}</td></tr>
 *   <tr><td>What do the attempts of an operation and its completion share?</td>
 *       <td>{@code OperationState}</td></tr>
 *   <tr><td>What opens the gate of a range in flight?</td>
 *       <td>{@code CompletePhase}</td></tr>
 *   <tr><td>Which VMAs are merged?</td>
 *       <td>{@link dev.samara.core.internal.op.MergeRules}</td></tr>
 *   <tr><td>Which anon_vma does a VMA get with its first page of its own ({@code find_mergeable_anon_vma})?</td>
 *       <td>{@code MergeRules.anonVmaFor}; for a fault {@code AnonVmas.prepare} calls it</td></tr>
 *   <tr><td>What splits a VMA, and what can refuse the split?</td>
 *       <td>{@link dev.samara.core.internal.op.VmaCut}</td></tr>
 *   <tr><td>What keeps two mergeable VMAs separate while an operation is in flight?</td>
 *       <td>{@code InFlightSeams}</td></tr>
 *   <tr><td>Where does a mapping without an address go?</td>
 *       <td>{@link dev.samara.core.internal.op.Placement}</td></tr>
 *   <tr><td>What counts VMAs against the limit?</td>
 *       <td>{@link dev.samara.core.internal.op.MapCount}</td></tr>
 *   <tr><td>What charges memory, and what enforces the limit?</td>
 *       <td>{@link dev.samara.core.internal.op.CommitCharge}, {@link
 *       dev.samara.core.internal.memory.CommittedMemory}</td></tr>
 *   <tr><td>What copies page tables for a fork, and does not share pinned pages?</td>
 *       <td>{@link dev.samara.core.internal.op.CopyPageTables}</td></tr>
 *   <tr><td>How does a call that changes many VMAs publish?</td>
 *       <td>{@code PublicationBatches}</td></tr>
 *   <tr><td>What reserves the page tables of guards and moves?</td>
 *       <td>{@code PreallocatedTables}</td></tr>
 *   <tr><td>Where does an operation wait for a fork that copies page tables?</td>
 *       <td>{@code Publication}, in step 4</td></tr>
 * </table>
 */
package dev.samara.core.internal.op;
