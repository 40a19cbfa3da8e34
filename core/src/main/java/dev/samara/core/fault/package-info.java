// SPDX-License-Identifier: Apache-2.0
/**
 * Page faults: from an address and an access to a translation, or to the reason why there is none.
 *
 * <p>{@link dev.samara.core.fault.Faulter} is the path from the look-up to the decision. The common fault takes no lock
 * on the space and counts nothing: it runs in a reader section, and what it puts in is checked under the lock of one
 * leaf. Pages of a file that are in memory come a {@linkplain dev.samara.core.fault.Window window} at a time; a page
 * that is not is fetched by the {@linkplain dev.samara.core.fault.SlowPath slow path}, under a keep of the VMA; a
 * private page that others have too is {@linkplain dev.samara.core.fault.Copying copied}.
 *
 * <p>Every check has a partner. The zapping side marks, a VMA detached or a frame removed from its cache, with a full
 * fence, and then walks; the faulting side links the leaf, with a full fence, and then looks at the marks under its
 * lock.
 */
@NullMarked
package dev.samara.core.fault;

import org.jspecify.annotations.NullMarked;
