// SPDX-License-Identifier: Apache-2.0
/**
 * A trace executed by the library, and every answer compared.
 *
 * <p>A {@link dev.samara.examples.replay.ReplaySession} takes the files of a run one after the other. Each is a new
 * address space that is loaded from the first snapshot of its trace; then every operation is executed, and its result
 * or errno compared; at each later snapshot the whole layout is compared, page by page: rights, shared or private,
 * device and inode, file offset, and all {@code VmFlags}. The first snapshot of a forked child is also compared with
 * our own fork of its parent.
 *
 * <p><b>What a snapshot may teach.</b> Three things do not follow from the operations, and only they are learnt: how
 * far {@code [stack]} has grown by faults ({@code Replay}), which inode an anonymous shared mapping got ({@code
 * SharedObjects}), and whether a shared file mapping was opened for reading only ({@code OpenModes}). One flag is left
 * open, {@code ac} of private anonymous pages that were at some time made non-writable ({@code Unsettled}), because it
 * depends on whether they had been touched.
 *
 * <p><b>Placement.</b> Unless it is to be checked as well, a mapping that the kernel placed freely is asked for exactly
 * there, where it must find room; so one wrong address does not make everything after it wrong.
 */
@NullMarked
package dev.samara.examples.replay;

import org.jspecify.annotations.NullMarked;
