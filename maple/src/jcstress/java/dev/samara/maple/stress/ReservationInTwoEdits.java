// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/** A mutant of {@link ReservationIsNeverFound}: the range is erased, then reserved, and is free in between. */
@JCStressTest
@Outcome(
        id = {"1, 1, 1", "1, 1, 0", "1, 2, 0", "1, 2, 1", "0, 2, 0", "0, 2, 1", "0, 1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "a value, or absent and taken")
@Outcome(
        id = {"1, 0, 0", "1, 0, 1", "0, 0, 0", "0, 0, 1"},
        expect = Expect.ACCEPTABLE_INTERESTING,
        desc = "free in between")
@Outcome(expect = Expect.FORBIDDEN, desc = "a reservation was found")
@State
public class ReservationInTwoEdits {
    private final Taking range = new Taking();

    @Actor
    public void writer() {
        range.reserveInTwoEdits();
        range.store();
    }

    @Actor
    public void reader(III_Result r) {
        r.r1 = range.found();
        r.r2 = range.taken();
        r.r3 = range.found();
    }
}
