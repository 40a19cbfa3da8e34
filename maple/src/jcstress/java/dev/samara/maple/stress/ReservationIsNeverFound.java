// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/**
 * A value is replaced by a reservation, and the reservation by a value: the lookup view contains the value or nothing,
 * and in the allocation view the range is never free.
 */
@JCStressTest
@Outcome(
        id = {"1, 1, 1", "1, 1, 0", "1, 2, 0", "1, 2, 1", "0, 2, 0", "0, 2, 1", "0, 1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "a value, or absent and taken")
@Outcome(expect = Expect.FORBIDDEN, desc = "free in between, or a reservation was found")
@State
public class ReservationIsNeverFound {
    private final Taking range = new Taking();

    @Actor
    public void writer() {
        range.reserve();
        range.store();
    }

    @Actor
    public void reader(III_Result r) {
        r.r1 = range.found();
        r.r2 = range.taken();
        r.r3 = range.found();
    }
}
