// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.file.SharedAnonymous;
import java.util.IdentityHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The memory that an operation has unmapped and that the machine uncharges at its completion.
 *
 * @param bytes the memory of private mappings
 * @param objects the shared objects, each with the negative number of its removed mappings; null for none
 */
public record InFlightCharge(long bytes, @Nullable IdentityHashMap<SharedAnonymous, Integer> objects) {
    /** Nothing to uncharge. */
    public static final InFlightCharge NONE = new InFlightCharge(0, null);
}
