// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.mman.MapFlags.ANONYMOUS;
import static dev.samara.core.mman.MapFlags.FIXED;
import static dev.samara.core.mman.MapFlags.PRIVATE;

import dev.samara.core.internal.space.Divisions;
import dev.samara.core.internal.syscall.Mmap;
import dev.samara.core.lincheck.FourPages;
import dev.samara.testing.Explored;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;

/**
 * I4 and I6 for the phases of a layout of two parts, whose border is in the middle of the four pages. Each change
 * divides the layout first, if it may, and joins the parts again where it needs both. Ranges that are in flight in a
 * part are still in flight when the parts are joined, and when the layout is divided again.
 */
@DisplayName("I4, I6: published and completed, the phases of a divided space are linearizable")
@Tag("lincheck")
@Param(name = "page", gen = IntGen.class, conf = "0:3")
@Param(name = "rights", gen = IntGen.class, conf = "0:3")
@Param(name = "pages", gen = IntGen.class, conf = "1:2")
@Explored(24)
public class DividedPhasesLincheckTest extends PhasesLincheckTest {
    public DividedPhasesLincheckTest() {
        FourPages.mapInParts((start, length, rights) ->
                publish(new Mmap(start, length, rights, PRIVATE | ANONYMOUS | FIXED, null, 0)));
    }

    @Override
    int spare() {
        return 1;
    }

    /** Does nothing where a mapping or a range in flight lies across the border. */
    @Operation
    public void divide() {
        Divisions.divide(layout, FourPages.BORDER);
    }

    @Override
    void beforeChange() {
        divide();
    }

    /** No test: the model checker takes more than four minutes where each call divides the layout. */
    @Override
    void modelChecked() {}

    @Override
    Class<? extends Phases> specification() {
        return PhasesOfParts.class;
    }

    /** The specification of the phases: a division changes no answer. */
    public static final class PhasesOfParts extends Phases {
        public PhasesOfParts() {
            beginInParts();
        }

        public void divide() {}
    }
}
