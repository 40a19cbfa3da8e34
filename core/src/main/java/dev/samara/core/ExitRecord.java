// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.space.Layout;

/**
 * The state of a space at its end, for later questions: {@link SpaceIdentity#exit}.
 *
 * @param usage the amounts just before the teardown
 * @param statistics the events up to the teardown
 */
@Experimental
public record ExitRecord(Usage usage, SpaceStatistics statistics) {
    static ExitRecord of(Layout layout) {
        return new ExitRecord(Usage.of(layout), SpaceStatistics.of(layout));
    }
}
