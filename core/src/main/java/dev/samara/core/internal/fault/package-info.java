// SPDX-License-Identifier: Apache-2.0
/**
 * Page faults, which turn an address and an access into a translation, or into the reason why there is none.
 *
 * <p>{@link dev.samara.core.internal.fault.Faulter} runs a fault: it looks the VMA up, checks the rights by {@link
 * dev.samara.core.internal.fault.PermissionCheck}, decides on one read of the entry, and maps the page. Where no VMA
 * was found, a stack may {@linkplain dev.samara.core.internal.fault.ExpandStack grow}. The common fault takes no lock
 * of the space and no reference: it runs in a reader section, and checks its VMA under the lock of one leaf ({@link
 * dev.samara.core.internal.fault.VmaRecheck}).
 *
 * <ul>
 *   <li>{@link dev.samara.core.internal.fault.AnonymousFault} maps anonymous memory: the zero page on a read, a
 *       fresh page on a write.
 *   <li>{@link dev.samara.core.internal.fault.FaultAround} maps pages of a file that are in memory, a window at a time.
 *   <li>{@link dev.samara.core.internal.fault.BackingFault} asks the backing for a page that is not in memory, and
 *       holds a reference to the VMA in the meantime.
 *   <li>{@code PresentFault} widens the rights of a present entry, or calls {@code CopyOnWrite} or {@code BackingFault}
 *       to do so.
 *   <li>{@code UncachedCopy} copies many bytes of a file to a caller without a fault, if their pages are neither mapped
 *       nor in memory.
 *   <li>{@link dev.samara.core.internal.fault.CopyOnWrite} copies a private page that has other users.
 *   <li>{@link dev.samara.core.internal.fault.Populate} faults in a whole range for a call.
 * </ul>
 *
 * <p>Each check is one side of a pair. A thread that removes pages first marks a VMA as detached or a frame as removed
 * from its cache, then executes a full fence, and then walks. A thread that faults first links the leaf, then executes
 * a full fence, and then reads the marks under the lock of the leaf.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>What checks the rights of the VMA that was found, and waits at its gate?</td>
 *       <td>{@link dev.samara.core.internal.fault.PermissionCheck}</td></tr>
 *   <tr><td>What looks the VMA up, decides on the entry, and maps the page?</td>
 *       <td>{@link dev.samara.core.internal.fault.Faulter}</td></tr>
 *   <tr><td>Which faults are SIGSEGV, and which are SIGBUS?</td>
 * <td>{@link dev.samara.core.internal.fault.PermissionCheck}: no VMA, or no right; {@link
 * dev.samara.core.internal.fault.Faulter} and {@code BackingFault}: no page; {@link
 * dev.samara.core.internal.file.FilePages#frameFor} and {@code frameForFault}: beyond the end of a file in memory;
 * {@code OpenHostFile.fault}: beyond the end of a host file</td></tr>
 *   <tr><td>What gives an entry the right to write?</td>
 *       <td>{@code PresentFault}; for private pages {@code CopyOnWrite}; where the backing is notified {@code
 *       BackingFault}</td></tr>
 *   <tr><td>What does a fault do if there is no free frame or page table?</td>
 *       <td>{@code FaultShortage}; how often: {@code Faulter.retry}</td></tr>
 *   <tr><td>What grows a stack?</td>
 *       <td>{@link dev.samara.core.internal.fault.ExpandStack}</td></tr>
 *   <tr><td>Does the mapping still exist when a page is installed?</td>
 *       <td>{@code VmaRecheck}</td></tr>
 *   <tr><td>Does the page still belong to its file when it is installed?</td>
 *       <td>{@code FaultAround} and {@code CopyOnWrite} check this under the lock of the leaf; a truncation marks the
 *       frame before that</td></tr>
 *   <tr><td>What copies a page on a write?</td>
 *       <td>{@code CopyOnWrite}</td></tr>
 *   <tr><td>What asks a backing for a page?</td>
 *       <td>{@code BackingFault}</td></tr>
 *   <tr><td>What faults in the range of a call?</td>
 *       <td>{@link dev.samara.core.internal.fault.Populate}, which also decides which failures the call
 *       returns</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.fault;

import org.jspecify.annotations.NullMarked;
