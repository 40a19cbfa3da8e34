// SPDX-License-Identifier: Apache-2.0
/**
 * The state of one address space, and the state that all spaces of a machine share.
 *
 * <p>A {@link dev.samara.core.internal.space.Layout} contains the tree of VMAs, the {@linkplain
 * dev.samara.core.internal.space.LayoutCounters counters} and the {@linkplain dev.samara.core.internal.space.Limits
 * limits}. Its <em>layout lock</em> is the tree's writer lock. A layout may be divided into {@linkplain
 * dev.samara.core.internal.space.District districts}, each with its own tree and lock. Lookups are lock-free. {@link
 * dev.samara.core.internal.space.InFlightOperations} lists the operations in flight. Each is an {@link
 * dev.samara.core.internal.space.InFlightOperation} with its ranges and a gate. Faults and operations in those ranges
 * wait at the gate until the operation completes.
 *
 * <p>{@link dev.samara.core.internal.space.LayoutListeners} delivers changes to a space's listeners. {@link
 * dev.samara.core.internal.space.Lifetime} counts the references to a space, and tears it down after its last user is
 * gone; its {@link dev.samara.core.internal.space.Identity} remains afterwards. {@link
 * dev.samara.core.internal.space.Borrowers} lists the CPUs that borrow spaces. A {@link
 * dev.samara.core.internal.space.MachineState} is the state that all spaces of a machine share. It does not refer to
 * the spaces: {@link dev.samara.core.internal.space.Spaces} lists them and closes the machine.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>Where are the tree of VMAs and the layout lock?</td>
 *       <td>{@link dev.samara.core.internal.space.Layout}, {@link dev.samara.core.internal.space.LayoutLock}</td></tr>
 *   <tr><td>Which layout state is shared by all its districts?</td>
 *       <td>{@link dev.samara.core.internal.space.Layout}</td></tr>
 *   <tr><td>When and where is a layout divided, and when are its parts joined?</td>
 *       <td>{@code BorderSearch}, {@code Districts}</td></tr>
 *   <tr><td>How does a lookup over several parts see one instant, and when does it ask for a join?</td>
 *       <td>{@code Districts} compares the versions of the trees; after 64 failures it asks ({@code
 *       askForJoin})</td></tr>
 *   <tr><td>Which lock does an operation take?</td>
 *       <td>{@link dev.samara.core.internal.space.Districts#lockDistrict}</td></tr>
 *   <tr><td>Which operations are in flight in a range, and which one does a call wait for?</td>
 *       <td>{@link dev.samara.core.internal.space.InFlightOperations}</td></tr>
 *   <tr><td>From which ranges does an operation in flight exclude other operations, what does its retirement do, and
 *       what does its completion merge and uncharge?</td>
 *       <td>{@link dev.samara.core.internal.space.InFlightOperation}</td></tr>
 *   <tr><td>What prevents an operation from starving after many restarts?</td>
 *       <td>{@link dev.samara.core.internal.space.InFlightOperations.Ticket}</td></tr>
 *   <tr><td>What counts the references to a space and its parts?</td>
 *       <td>{@link dev.samara.core.internal.space.Lifetime}</td></tr>
 *   <tr><td>When does a space lose its last user?</td>
 *       <td>{@link dev.samara.core.internal.cpu.TlbContext}</td></tr>
 *   <tr><td>What tears a space down?</td>
 *       <td>{@link dev.samara.core.internal.space.Lifetime}</td></tr>
 *   <tr><td>What removes its mappings ({@code exit_mmap}), and what asks CPUs that still borrow it to leave?</td>
 *       <td>{@code Munmap.close}, by {@link dev.samara.core.internal.space.Spaces}; {@code Borrowers.ask}, by {@code
 *       Lifetime.askIfAlone}</td></tr>
 *   <tr><td>What remains of a space after its teardown?</td>
 *       <td>{@link dev.samara.core.internal.space.Identity}</td></tr>
 *   <tr><td>Which CPUs borrow a space?</td>
 *       <td>{@link dev.samara.core.internal.space.Borrowers}</td></tr>
 *   <tr><td>When memory runs out, what drops pages of droppable mappings, and which thread chooses the space whose
 *       pages are reaped?</td>
 *       <td>{@link dev.samara.core.internal.space.LowMemory}</td></tr>
 *   <tr><td>What reaps its pages?</td>
 *       <td>{@link dev.samara.core.internal.space.Reap}</td></tr>
 *   <tr><td>What checks a call against the resource limits, and what lets a space exceed them?</td>
 *       <td>{@link dev.samara.core.internal.space.Limits}</td></tr>
 *   <tr><td>What forbids making a mapping executable?</td>
 *       <td>{@link dev.samara.core.internal.space.Layout#deniesExec}</td></tr>
 *   <tr><td>What delivers changes of a layout to its listeners?</td>
 *       <td>{@link dev.samara.core.internal.space.LayoutListeners}</td></tr>
 *   <tr><td>What calls the embedder's reporter?</td>
 *       <td>{@link dev.samara.core.internal.space.MachineThreads}</td></tr>
 *   <tr><td>Which threads run the tasks of a machine, and may a thread wait for them?</td>
 *       <td>{@link dev.samara.core.internal.space.MachineThreads}</td></tr>
 *   <tr><td>Which spaces does a machine own, and what closes it?</td>
 *       <td>{@link dev.samara.core.internal.space.Spaces}</td></tr>
 *   <tr><td>What do all spaces of a machine share?</td>
 *       <td>{@link dev.samara.core.internal.space.MachineState}</td></tr>
 * </table>
 */
package dev.samara.core.internal.space;
