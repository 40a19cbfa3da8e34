// SPDX-License-Identifier: Apache-2.0
/**
 * The state of one address space, and the state that all spaces of a machine share.
 *
 * <p>A {@link dev.samara.core.internal.space.Layout} has the tree of VMAs, the {@linkplain
 * dev.samara.core.internal.space.LayoutCounters counters} and the {@linkplain dev.samara.core.internal.space.Limits
 * limits}. Its <em>layout lock</em> is the tree's writer lock. A layout may be divided into {@linkplain
 * dev.samara.core.internal.space.District districts} with a tree and a lock each. Lookups take no lock. {@link
 * dev.samara.core.internal.space.InFlightOperations} lists the operations in flight. Each has a {@link
 * dev.samara.core.internal.space.InFlightOperation} with its {@linkplain dev.samara.core.internal.space.Footprint
 * ranges}, and a {@linkplain dev.samara.core.internal.space.InFlightGate gate}. The gate stops faults and operations in
 * the ranges until the operation is complete.
 *
 * <p>{@link dev.samara.core.internal.space.LayoutListeners} and {@link
 * dev.samara.core.internal.space.RegisteredNotifiers} have the listeners of a space. {@link
 * dev.samara.core.internal.space.Lifetime} has the counts of references to a space and its parts. {@link
 * dev.samara.core.internal.space.SpaceEnd} tears it down after the last user, and {@link
 * dev.samara.core.internal.space.Identity} answers questions afterwards. {@link
 * dev.samara.core.internal.space.Borrowers} lists the CPUs that borrow spaces. A {@link
 * dev.samara.core.internal.space.MachineState} is the state that all spaces of a machine share. It knows no space:
 * {@link dev.samara.core.internal.space.Spaces} lists them, and ends the machine.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>Where are the tree of VMAs and the layout lock?</td>
 *       <td>{@link dev.samara.core.internal.space.Layout}, {@link dev.samara.core.internal.space.LayoutLock}</td></tr>
 *   <tr><td>Which state of a layout is in none of its districts?</td>
 *       <td>{@link dev.samara.core.internal.space.LayoutState}</td></tr>
 *   <tr><td>When, and where, is a layout divided, and when is it joined?</td>
 *       <td>{@code LockContention}, {@code BorderSearch}, {@code Districts}</td></tr>
 *   <tr><td>Which lock does an operation take?</td>
 *       <td>{@link dev.samara.core.internal.space.Layout#lockDistrict}, in {@code Districts}</td></tr>
 *   <tr><td>Which operations are in flight in a range, and for which one does a call wait?</td>
 *       <td>{@link dev.samara.core.internal.space.InFlightOperations}</td></tr>
 *   <tr><td>Which ranges does an operation in flight keep others out of?</td>
 *       <td>{@link dev.samara.core.internal.space.Footprint}</td></tr>
 *   <tr><td>Which pages does its retirement move, discard or guard?</td>
 *       <td>{@link dev.samara.core.internal.space.MovesAndActions}</td></tr>
 *   <tr><td>What does its completion join and uncharge?</td>
 *       <td>{@link dev.samara.core.internal.space.CompletionWork}</td></tr>
 *   <tr><td>At which addresses are VMAs joined after an operation?</td>
 *       <td>{@code PendingJoins}</td></tr>
 *   <tr><td>What lets an operation pass after many restarts?</td>
 *       <td>{@link dev.samara.core.internal.space.Ticket}</td></tr>
 *   <tr><td>What counts the references to a space and its parts?</td>
 *       <td>{@link dev.samara.core.internal.space.Lifetime}</td></tr>
 *   <tr><td>When has a space no user any more?</td>
 *       <td>{@link dev.samara.core.internal.cpu.SpaceUsers}</td></tr>
 *   <tr><td>What tears a space down?</td>
 *       <td>{@code SpaceEnd}</td></tr>
 *   <tr><td>What remains of a space after its end?</td>
 *       <td>{@link dev.samara.core.internal.space.Identity}</td></tr>
 *   <tr><td>Which CPUs borrow a space?</td>
 *       <td>{@link dev.samara.core.internal.space.Borrowers}</td></tr>
 *   <tr><td>What chooses the space that a machine without memory takes pages from?</td>
 *       <td>{@link dev.samara.core.internal.space.LowMemoryVictim}</td></tr>
 *   <tr><td>Which thread looks for that space?</td>
 *       <td>{@link dev.samara.core.internal.space.ReapLeases}</td></tr>
 *   <tr><td>What takes these pages?</td>
 *       <td>{@link dev.samara.core.internal.space.Reap}, {@code BackgroundReap}</td></tr>
 *   <tr><td>What drops pages of droppable memory?</td>
 *       <td>{@link dev.samara.core.internal.space.DroppablePages}</td></tr>
 *   <tr><td>What compares a call with the resource limits?</td>
 *       <td>{@link dev.samara.core.internal.space.Limits}</td></tr>
 *   <tr><td>What may a space do beyond its limits?</td>
 *       <td>{@link dev.samara.core.internal.space.Privileges}</td></tr>
 *   <tr><td>What must not become executable?</td>
 *       <td>{@link dev.samara.core.internal.space.DenyWriteExec}</td></tr>
 *   <tr><td>What delivers changes of a layout to its listeners?</td>
 *       <td>{@code ChangeDelivery}</td></tr>
 *   <tr><td>What calls the embedder's reporter?</td>
 *       <td>{@code MachineReports}</td></tr>
 *   <tr><td>Which threads run the tasks of a machine, and may a thread wait for them?</td>
 *       <td>{@link dev.samara.core.internal.space.MachineThreads}</td></tr>
 *   <tr><td>Which spaces does a machine have, and what closes it?</td>
 *       <td>{@link dev.samara.core.internal.space.Spaces}</td></tr>
 *   <tr><td>What do all spaces of a machine share?</td>
 *       <td>{@link dev.samara.core.internal.space.MachineState}</td></tr>
 * </table>
 */
package dev.samara.core.internal.space;
