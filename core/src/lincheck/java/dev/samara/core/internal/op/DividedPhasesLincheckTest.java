// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.PRIVATE;

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
 * I4 and I6 for the phases of a layout with two districts, whose border is in the middle of the four pages. Each change
 * first divides the layout, if that is possible, and joins the districts again if it needs both. Ranges in flight in a
 * district stay in flight when the districts are joined, and when the layout is divided again.
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

    /** Divides the layout; does nothing if a mapping or a range in flight crosses the border. */
    @Operation
    public void divide() {
        Divisions.divide(layout, FourPages.BORDER);
    }

    @Override
    void beforeChange() {
        divide();
    }

    /** Skips the test: the model checker takes more than four minutes if each call divides the layout. */
    @Override
    void modelChecked() {}

    @Override
    Class<? extends Phases> specification() {
        return PhasesOfParts.class;
    }

    /** The specification of the phases; a division changes no result. */
    public static final class PhasesOfParts extends Phases {
        public PhasesOfParts() {
            beginInParts();
        }

        public void divide() {}
    }
}
