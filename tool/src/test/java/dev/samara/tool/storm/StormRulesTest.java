// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.LazyTlb;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class StormRulesTest {
    private static final Pattern RULE = Pattern.compile("(passed|FAILED|open  ) (.*): [0-9,]+ checks");

    private static StormPlan plan(int seconds, String... groups) {
        return new StormPlan(
                seconds, 2, 3, true, LazyTlb.SHOOTDOWN, false, false, false, Set.of(groups), Duration.ofSeconds(60));
    }

    @Test
    @DisplayName("a short storm checks each rule by its name, and all of them hold")
    void everyRule() throws InterruptedException {
        StormVerdict verdict = new Storm(plan(2)).run();
        List<String> rules = verdict.lines().stream()
                .map(RULE::matcher)
                .filter(Matcher::matches)
                .filter(line -> line.group(1).equals("passed"))
                .map(line -> line.group(2))
                .toList();
        assertEquals(
                List.of(
                        "I1, I2 and I3 of each access, judged by the machine",
                        "I1 one translation: no addition is lost",
                        "I2 no access after return",
                        "I2 no content from before a return",
                        "I3 no access to a freed frame",
                        "I2 a CPU tells of its flush before the call returns",
                        "no content of another page or space",
                        "a permitted access succeeds",
                        "a child keeps the contents of its fork",
                        "the run met enough",
                        "I4 moved pages keep their contents beside early reuse of their range",
                        "a page that was clean is written only after a new notice",
                        "a space that is closed beside its use has its own pages only",
                        "a space that is lent has its pages until it is reaped",
                        "a page of a file of the host has its last store after its eviction",
                        "I5 a call from GUEST is refused where it would wait",
                        "I5 every step makes progress",
                        "I9 ended objects are garbage",
                        "every thread ends, and none by an exception",
                        "nothing is left after close"),
                rules,
                verdict::toString);
        assertEquals(rules.size(), verdict.passed());
        assertEquals(0, verdict.failed());
    }

    @Test
    @DisplayName("a storm of one group of threads checks its rules and those of all storms only")
    void oneGroup() throws InterruptedException {
        StormVerdict verdict = new Storm(plan(1, "chains")).run();
        assertEquals(0, verdict.failed(), verdict::toString);
        assertEquals(5, verdict.passed(), verdict::toString);
    }

    @Test
    @DisplayName("a group that there is not is refused, and named with those that there are")
    void unknownGroup() {
        IllegalArgumentException refused =
                assertThrows(IllegalArgumentException.class, () -> new Storm(plan(1, "weather")));
        assertTrue(String.valueOf(refused.getMessage()).contains("[weather]"), refused::toString);
        assertTrue(String.valueOf(refused.getMessage()).contains("guest-calls"), refused::toString);
    }

    @Test
    @DisplayName(
            "the first violation ends a storm; an invariant that was not checked by then is neither passed nor failed")
    void firstViolation() {
        Course course = new Course(7, false);
        Invariant rule = new Invariant("a rule", course);
        Invariant other = new Invariant("another rule", course);
        assertTrue(course.goesOn());
        rule.broken("headline\nline 1\nline 2");
        assertTrue(course.isOver());
        assertTrue(
                rule.line().matches("FAILED a rule: after [0-9.]+ s, --seed 7: headline \\(1 checks, 1 violations\\)"),
                rule::line);
        assertEquals("line 1\nline 2", rule.history());
        assertEquals("open   another rule: 0 checks", other.line());
        assertTrue(other.isOpen() && !other.passed());
    }

    @Test
    @DisplayName("a storm that keeps going does so after a violation, and no act of it begins after that")
    void keepsGoing() {
        Course course = new Course(7, true);
        new Invariant("a rule", course).broken("headline");
        assertTrue(course.goesOn());
        assertTrue(course.isBroken());
        course.stall();
        assertTrue(course.isOver());
    }

    @Test
    @DisplayName("an end that holds more than the start is told apart from one that holds as much")
    void flatness() {
        Storm.ResourceUsage start = new Storm.ResourceUsage(1000, 3, 4, 5, 6, 7);
        assertTrue(new Storm.ResourceUsage(1050, 3, 4, 5, 6, 7).isAsFlatAs(start));
        assertTrue(!new Storm.ResourceUsage(1051, 3, 4, 5, 6, 7).isAsFlatAs(start));
        assertTrue(!new Storm.ResourceUsage(1000, 4, 4, 5, 6, 7).isAsFlatAs(start));
        assertTrue(!new Storm.ResourceUsage(1000, 3, 3, 5, 6, 7).isAsFlatAs(start));
        assertTrue(!new Storm.ResourceUsage(1000, 3, 4, 6, 6, 7).isAsFlatAs(start));
        assertTrue(!new Storm.ResourceUsage(1000, 3, 4, 5, 7, 7).isAsFlatAs(start));
        assertTrue(!new Storm.ResourceUsage(1000, 3, 4, 5, 6, 8).isAsFlatAs(start));
    }
}
