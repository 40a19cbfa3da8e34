// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.space.Layout;

/**
 * What a space was at its end, for those who ask afterwards: {@link SpaceIdentity#exit}.
 *
 * @param usage the amounts just before the teardown
 * @param statistics the events up to the teardown
 */
public record ExitRecord(Usage usage, SpaceStatistics statistics) {
    static ExitRecord of(Layout layout) {
        return new ExitRecord(Usage.of(layout), SpaceStatistics.of(layout));
    }
}
