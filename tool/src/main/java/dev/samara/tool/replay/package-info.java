// SPDX-License-Identifier: Apache-2.0
/**
 * Executes a trace in the library, and compares every answer.
 *
 * <p>A {@link dev.samara.tool.replay.ReplaySession} takes the files of a run one after the other. For each file it
 * loads the first snapshot into a new address space. Then it executes every operation, and compares its result or
 * errno. At each later snapshot it compares the whole layout, page by page: rights, shared or private, device and
 * inode, file offset, and all {@code VmFlags}. The first snapshot of a forked child is also compared with our own fork
 * of its parent.
 *
 * <p><b>Facts that a snapshot may teach.</b> Three facts do not follow from the operations, and only they are learnt:
 * the growth of {@code [stack]} by faults ({@code Replay}), the inode of an anonymous shared mapping ({@code
 * SharedObjects}), and whether a shared file mapping was opened for reading only ({@code OpenModes}). One flag is not
 * compared: {@code ac} of private anonymous pages that were at some time made non-writable ({@code
 * UnknownAccounting}), because it depends on whether they had been touched.
 *
 * <p><b>Placement.</b> Unless placement itself is checked, a mapping that the kernel placed freely is requested at
 * exactly that address, where the range must be free. One wrong address therefore does not make all later results
 * wrong.
 */
@NullMarked
package dev.samara.tool.replay;

import org.jspecify.annotations.NullMarked;
