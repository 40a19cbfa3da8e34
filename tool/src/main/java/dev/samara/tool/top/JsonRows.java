// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.io.PrintWriter;
import org.jspecify.annotations.Nullable;

/** The view for programs: one JSON document per sample, each in one line. Counts are totals since the start. */
public final class JsonRows implements ViewOutput {
    private final PrintWriter out;

    /**
     * Creates the view.
     *
     * @param out receives the lines
     */
    public JsonRows(PrintWriter out) {
        this.out = out;
    }

    @Override
    public void begin() {
        // Nothing is needed before the first sample.
    }

    @Override
    public void show(TopSample first, TopSample before, TopSample now) {
        print(document(first, now, false));
    }

    @Override
    public void end(TopSample first, TopSample last) {
        print(document(first, last, true));
    }

    private void print(JsonObject document) {
        out.println(document);
        out.flush();
    }

    private static JsonObject document(TopSample first, TopSample now, boolean isLast) {
        JsonObject document = new JsonObject();
        document.addProperty("seconds", now.secondsSince(first));
        document.addProperty("last", isLast);
        JsonObject work = new JsonObject();
        now.work().forEach(figure -> work.addProperty(figure.name(), figure.count()));
        document.add("work", work);
        JsonArray machines = new JsonArray();
        now.machines().forEach(machine -> machines.add(machine(machine)));
        document.add("machines", machines);
        addWaits(document, now.waits());
        return document;
    }

    private static void addWaits(JsonObject document, @Nullable WaitFigures waits) {
        if (waits != null) {
            JsonObject json = new JsonObject();
            json.addProperty("operations", waits.operations());
            json.addProperty("locks", waits.locks());
            json.addProperty("nanoseconds", waits.nanos());
            document.add("waits", json);
        }
    }

    private static JsonObject machine(MachineFigures machine) {
        JsonObject json = new JsonObject();
        json.addProperty("name", machine.name());
        json.addProperty("usedBytes", machine.used());
        json.addProperty("memoryBytes", machine.memory());
        json.addProperty("pageTableBytes", machine.tables());
        json.addProperty("committedBytes", machine.committed());
        json.addProperty("spaceCount", machine.spaces());
        addEvents(json, machine.events(), true);
        JsonArray spaces = new JsonArray();
        machine.listed().forEach(space -> spaces.add(space(space)));
        json.add("spaces", spaces);
        return json;
    }

    private static JsonObject space(SpaceFigures space) {
        JsonObject json = new JsonObject();
        json.addProperty("name", space.name());
        json.addProperty("vmas", space.vmas());
        json.addProperty("mappedBytes", space.mapped());
        json.addProperty("residentBytes", space.resident());
        json.addProperty("pageTableBytes", space.tables());
        addEvents(json, space.events(), false);
        return json;
    }

    private static void addEvents(JsonObject json, EventTotals events, boolean isOfMachine) {
        for (EventColumn column : EventColumn.values()) {
            if (isOfMachine || column.isOfSpace()) {
                json.addProperty(column.key(), column.of(events));
            }
        }
    }
}
