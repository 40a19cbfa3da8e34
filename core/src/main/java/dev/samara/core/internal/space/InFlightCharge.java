// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.file.MappingDeltas;
import org.jspecify.annotations.Nullable;

/**
 * The memory that an operation has unmapped and that the machine uncharges at its completion.
 *
 * @param bytes the memory of private mappings
 * @param objects the removed mappings of shared objects, whose charge is not settled yet; null if there are none
 */
public record InFlightCharge(long bytes, @Nullable MappingDeltas objects) {
    /** Nothing to uncharge. */
    public static final InFlightCharge NONE = new InFlightCharge(0, null);
}
