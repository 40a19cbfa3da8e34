// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lincheck;

import static dev.samara.core.mman.MapFlags.ANONYMOUS;
import static dev.samara.core.mman.MapFlags.FIXED;
import static dev.samara.core.mman.MapFlags.PRIVATE;

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
 * I6 for a space of two parts, whose border is in the middle of the four pages. Each change divides the space first, if
 * it may, and joins the parts again where it needs both.
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

    /** Does nothing where a mapping or a range in flight lies across the border. */
    @Operation
    public void divide() {
        Divisions.divide(MachineInternals.layoutOf(space), FourPages.BORDER);
    }

    @Override
    AddressSpace toChange() {
        divide();
        return space;
    }

    /** No test: the model checker takes more than four minutes where each call divides the layout. */
    @Override
    void modelChecked() {}

    @Override
    Class<? extends Pages> specification() {
        return PagesOfParts.class;
    }

    /** A change over the border beside lookups, and changes of two parts beside a snapshot. */
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

    /** The specification of the space: a division changes no answer. */
    public static final class PagesOfParts extends Pages {
        public PagesOfParts() {
            beginInParts();
        }

        public void divide() {}
    }
}
