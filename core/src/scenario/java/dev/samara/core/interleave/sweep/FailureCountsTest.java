// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import dev.samara.core.fixture.DocPage;
import dev.samara.core.interleave.scenario.Ground;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@DisplayName("docs/interleavings.md has the numbers of operations with failures")
@Tag("interleave")
final class FailureCountsTest {
    private final DocPage page = new DocPage("interleavings.md");

    @Test
    @DisplayName("of each group, and of their pairs")
    void operations() {
        List<String> names = FailureKinds.names();
        // In the order in which the groups are added.
        int ending = names.indexOf("ends-in-guest");
        int borrowing = names.indexOf("use");
        int onGrounds = (int) names.subList(0, ending).stream()
                .filter(name -> FailureKinds.of(name).ground() != Ground.ANONYMOUS)
                .count();
        page.assertSays("those of `FailureKinds`, %d of them", names.size());
        page.assertSays("on private anonymous memory (%d):", ending - onGrounds);
        page.assertSays("on the other grounds (%d;", onGrounds);
        page.assertSays("after the operation or its failure (%d, `EndingCalls`)", borrowing - ending);
        page.assertSays("and exec (%d, `BorrowCalls`)", names.size() - borrowing);
        page.assertSays(
                "the %,d pairs of operations on one ground",
                Failures.pairs(names).size());
    }
}
