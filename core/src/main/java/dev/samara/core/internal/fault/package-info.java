// SPDX-License-Identifier: Apache-2.0
/**
 * Page faults: from an address and an access to a translation, or to the reason why there is none.
 *
 * <p>{@link dev.samara.core.internal.fault.Resolve} is the front half: it finds the VMA, {@linkplain
 * dev.samara.core.internal.fault.ExpandStack grows} a stack, and checks the rights. {@link
 * dev.samara.core.internal.fault.Faulter} maps the page. The common fault takes no lock of the space and counts
 * nothing: it runs in a reader section, and checks under the lock of one leaf what it maps. Pages of a file that are in
 * memory are mapped a {@linkplain dev.samara.core.internal.fault.FaultAround window} at a time. A page that is not in
 * memory takes the {@linkplain dev.samara.core.internal.fault.BackingFault slow path}, which asks the backing and holds
 * a reference on the VMA meanwhile. A private page that has other users is {@linkplain
 * dev.samara.core.internal.fault.CopyOnWrite copied}. {@link dev.samara.core.internal.fault.Populate} faults in a whole
 * range for a call.
 *
 * <p>Each check has a partner. A thread that removes pages marks first, a VMA as detached or a frame as removed from
 * its cache, with a full fence, and then walks. A thread that faults links the leaf first, with a full fence, and then
 * reads the marks under the lock of the leaf.
 */
@NullMarked
package dev.samara.core.internal.fault;

import org.jspecify.annotations.NullMarked;
