// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lincheck;

import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.PRIVATE;

import dev.samara.core.AddressSpace;
import dev.samara.core.MachineInternals;
import dev.samara.core.internal.space.Divisions;
import dev.samara.testing.Explored;
import java.util.List;
import org.jetbrains.kotlinx.lincheck.Actor;
import org.jetbrains.kotlinx.lincheck.execution.ExecutionScenario;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;

/**
 * I6 for a space with two districts, whose border is in the middle of the four pages. Each change first divides the
 * space, if that is possible, and joins the districts again if it needs both.
 */
@DisplayName("I6: a divided space is linearizable")
@Tag("lincheck")
@Param(name = "page", gen = IntGen.class, conf = "0:3")
@Param(name = "rights", gen = IntGen.class, conf = "0:3")
@Explored(48)
public class DividedSpaceLincheckTest extends AddressSpaceLincheckTest {
    public DividedSpaceLincheckTest() {
        FourPages.mapInParts(
                (start, length, rights) -> space.mmap(start, length, rights, PRIVATE | ANONYMOUS | FIXED, null, 0));
    }

    /** Divides the space; does nothing if a mapping or a range in flight crosses the border. */
    @Operation
    public void divide() {
        Divisions.divide(MachineInternals.layoutOf(space), FourPages.BORDER);
    }

    @Override
    AddressSpace toChange() {
        divide();
        return space;
    }

    /** Skips the test: the model checker takes more than four minutes if each call divides the layout. */
    @Override
    void modelChecked() {}

    @Override
    Class<? extends Pages> specification() {
        return PagesOfParts.class;
    }

    /**
     * Returns a change across the border concurrent with lookups, and changes in both districts concurrent with a
     * snapshot.
     */
    @Override
    ExecutionScenario[] scenarios() {
        Class<?> test = getClass();
        List<Actor> lookups = List.of(
                FourPages.call(test, "find", 1), FourPages.call(test, "find", 2), FourPages.call(test, "snapshot"));
        return new ExecutionScenario[] {
            FourPages.beside(List.of(FourPages.call(test, "unmap", 1, 2)), lookups),
            FourPages.beside(
                    List.of(FourPages.call(test, "unmap", 0, 0), FourPages.call(test, "unmap", 3, 3)),
                    List.of(FourPages.call(test, "snapshot")))
        };
    }

    /** The specification of the space; a division changes no result. */
    public static final class PagesOfParts extends Pages {
        public PagesOfParts() {
            beginInParts();
        }

        public void divide() {}
    }
}
