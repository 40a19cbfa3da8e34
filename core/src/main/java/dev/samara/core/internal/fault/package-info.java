// SPDX-License-Identifier: Apache-2.0
/**
 * Page faults, which turn an address and an access into a translation, or into the reason why there is none.
 *
 * <ul>
 *   <li>{@link dev.samara.core.internal.fault.Faulter} runs a fault: it looks the VMA up, checks the rights, decides on
 *       one read of the entry, and maps or copies the page. Of a file, it maps pages that are in memory, a window at a
 *       time, and asks the backing for other pages. The common fault takes no lock of the space and no reference. The
 *       argument is at the head of the file.
 *   <li>A stack may {@linkplain dev.samara.core.internal.fault.ExpandStack grow} where no VMA was found.
 *   <li>{@link dev.samara.core.internal.fault.Populate} faults in a whole range for a call.
 * </ul>
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>What checks the rights of the VMA that was found, and waits at its gate?</td>
 *       <td>{@code Faulter.check}, {@code Faulter.await}</td></tr>
 *   <tr><td>What looks the VMA up, decides on the entry, and maps the page?</td>
 *       <td>{@link dev.samara.core.internal.fault.Faulter}</td></tr>
 *   <tr><td>Which faults are SIGSEGV, and which are SIGBUS?</td>
 *       <td>SIGSEGV, no VMA or no right: {@code Faulter.check}. SIGBUS, no page: the rest of {@code Faulter}; beyond
 *       the end of a file in memory, {@link dev.samara.core.internal.file.FilePages#frameFor} and {@code
 *       frameForFault}; beyond the end of a host file, {@code OpenHostFile.fault}</td></tr>
 *   <tr><td>What gives an entry the right to write?</td>
 *       <td>{@code Faulter.present}; for private pages {@code Faulter.copyOrReuse}; where the backing is notified
 *       {@code Faulter.noticed}</td></tr>
 *   <tr><td>What does a fault do if there is no free frame or page table?</td>
 *       <td>{@code Faulter.retry}, {@code Faulter.answer}</td></tr>
 *   <tr><td>Where does a fault wait for a fork that copies page tables?</td>
 *       <td>{@code Faulter.mayChange}, {@code Faulter.awaitedFork}</td></tr>
 *   <tr><td>What grows a stack?</td>
 *       <td>{@link dev.samara.core.internal.fault.ExpandStack}</td></tr>
 *   <tr><td>Does the mapping still exist when a page is installed?</td>
 *       <td>{@code Faulter.recheck}</td></tr>
 *   <tr><td>Does the page still belong to its file when it is installed?</td>
 *       <td>{@code Faulter.putIn} and {@code Faulter.copyTo} check this under the lock of the leaf; a
 *       truncation marks the frame before that</td></tr>
 *   <tr><td>What copies a page on a write?</td>
 *       <td>{@code Faulter.copyOrReuse}</td></tr>
 *   <tr><td>What asks a backing for a page?</td>
 *       <td>{@code Faulter.fetch}</td></tr>
 *   <tr><td>What faults in the range of a call?</td>
 *       <td>{@link dev.samara.core.internal.fault.Populate}, which also decides which failures the call
 *       returns</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.fault;

import org.jspecify.annotations.NullMarked;
