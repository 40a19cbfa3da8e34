// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.samara.core.AddressSpace;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.mman.Errno;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.junit.jupiter.api.DynamicTest;

/**
 * The errors of one call, in the order in which Linux tests for them. Each single row must cause its error, each pair
 * of rows the error of the earlier row, and no row at all must succeed; the mappings must not change.
 */
final class ErrnoTable<A extends CallArguments> {
    private record Row<A>(Errno errno, String why, Consumer<A> spoil) {}

    private final Supplier<A> valid;
    private final List<Row<A>> rows = new ArrayList<>();

    ErrnoTable(Supplier<A> valid) {
        this.valid = valid;
    }

    /** Adds the next row. Its invalid arguments override those of later rows. */
    ErrnoTable<A> row(Errno errno, String why, Consumer<A> spoil) {
        rows.add(new Row<>(errno, why, spoil));
        return this;
    }

    List<DynamicTest> tests() {
        List<DynamicTest> tests = new ArrayList<>();
        tests.add(DynamicTest.dynamicTest("nothing wrong: succeeds", this::succeeds));
        for (int i = 0; i < rows.size(); i++) {
            Row<A> row = rows.get(i);
            tests.add(DynamicTest.dynamicTest(row.errno + " " + row.why, () -> fails(List.of(row))));
            for (Row<A> later : rows.subList(i + 1, rows.size())) {
                tests.add(DynamicTest.dynamicTest(
                        row.errno + " " + row.why + ", before " + later.errno + " " + later.why,
                        () -> fails(List.of(row, later))));
            }
        }
        return tests;
    }

    private void succeeds() {
        A attempt = valid.get();
        AddressSpace space = attempt.space();
        long result = attempt.call(space);
        assertFalse(Errno.isError(result), () -> "failed with " + Errno.of(result));
        space.validate();
    }

    private void fails(List<Row<A>> spoilers) {
        A attempt = valid.get();
        for (int i = spoilers.size() - 1; i >= 0; i--) {
            spoilers.get(i).spoil.accept(attempt);
        }
        AddressSpace space = attempt.space();
        String layout = LayoutText.of(space);
        String counted = countsOf(space, attempt.mayCut);
        long result = attempt.call(space);
        assertEquals(spoilers.get(0).errno.result(), result);
        space.validate();
        if (!attempt.mayCut) {
            assertEquals(layout, LayoutText.of(space), "the mappings");
        }
        assertEquals(counted, countsOf(space, attempt.mayCut), "the counters");
    }

    private static String countsOf(AddressSpace space, boolean withoutMaps) {
        String usage = space.usage() + " " + space.machine().committed();
        return withoutMaps ? usage.replaceFirst("maps=\\d+, ", "") : usage;
    }
}
