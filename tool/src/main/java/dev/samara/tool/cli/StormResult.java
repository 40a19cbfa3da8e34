// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.samara.tool.storm.Storm;
import dev.samara.tool.storm.StormVerdict;
import java.io.PrintWriter;
import java.util.Locale;

/**
 * The result of a storm, which can be printed as text or as one JSON document.
 *
 * @param counts the counts at the end
 * @param verdict the results of the invariants
 */
record StormResult(Storm.Counts counts, StormVerdict verdict) {
    static StormResult of(Storm storm, StormVerdict verdict) {
        return new StormResult(storm.counts(), verdict);
    }

    /** Returns the exit status. */
    int status() {
        return verdict.failed() == 0 ? CheckStatus.EQUAL : CheckStatus.DIFFERENT;
    }

    void printText(PrintWriter out) {
        out.println(line(counts));
        verdict.lines().forEach(out::println);
        out.printf(Locale.ROOT, "%d passed, %d failed%n", verdict.passed(), verdict.failed());
        out.flush();
    }

    /** Prints a JSON document. It also contains the options that make the threads choose in the same way again. */
    void printJson(StormOptions options, PrintWriter out) {
        JsonObject json = new JsonObject();
        json.addProperty("seconds", options.seconds());
        json.addProperty("cpus", options.cpus());
        json.addProperty("seed", options.seed());
        json.addProperty("accesses", counts.accesses());
        json.addProperty("overlappingAccesses", counts.overlaps());
        json.addProperty("changes", counts.changes());
        json.addProperty("shootdowns", counts.shootdowns());
        json.addProperty("shootdownTargets", counts.targets());
        JsonArray rules = new JsonArray();
        verdict.rules().forEach(rule -> {
            JsonObject one = new JsonObject();
            one.addProperty("rule", rule.rule());
            one.addProperty("status", rule.status());
            one.addProperty("checks", rule.checks());
            one.addProperty("violations", rule.violations());
            if (rule.violations() != 0) {
                one.addProperty("complaint", rule.line());
                one.addProperty("history", rule.history());
            }
            rules.add(one);
        });
        json.add("rules", rules);
        JsonArray facts = new JsonArray();
        verdict.facts().forEach(facts::add);
        json.add("facts", facts);
        json.addProperty("passed", verdict.passed());
        json.addProperty("failed", verdict.failed());
        out.println(json);
        out.flush();
    }

    static String line(Storm.Counts counts) {
        return String.format(
                Locale.ROOT,
                "%,d accesses, %,d beside a change of their page; %,d changes, %,d shootdowns of %,d CPUs",
                counts.accesses(),
                counts.overlaps(),
                counts.changes(),
                counts.shootdowns(),
                counts.targets());
    }
}
