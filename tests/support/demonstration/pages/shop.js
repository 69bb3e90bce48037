"use strict";

const byId = (id) => document.getElementById(id);

async function showWares() {
    const answer = await fetch("/api/wares", { headers: { Accept: "application/json" } });
    const { wares } = await answer.json();
    byId("wares").replaceChildren(...wares.map((ware) => {
        const card = document.createElement("article");
        card.className = "ware";
        card.innerHTML = `<img alt=""><div><h2></h2><small></small><p></p><footer><b></b><button>Put in basket</button></footer></div>`;
        card.querySelector("img").src = document.body.dataset.pictures + ware.picture;
        card.querySelector("h2").textContent = ware.name;
        card.querySelector("small").textContent = `${ware.kind} · ${ware.stock} in stock`;
        card.querySelector("p").textContent = ware.text;
        card.querySelector("b").textContent = ware.price;
        card.querySelector("button").addEventListener("click", () => putInBasket(ware.id));
        return card;
    }));
    document.body.dataset.ready = "wares";
}

async function putInBasket(id) {
    const answer = await fetch("/api/basket", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ id, count: 1 }),
    });
    const { count } = await answer.json();
    byId("basket").textContent = `Basket (${count})`;
}

function showSightings() {
    const source = new EventSource("/sightings?count=3&interval_ms=200");
    source.onmessage = (event) => {
        const { bird, place } = JSON.parse(event.data);
        const line = document.createElement("li");
        line.textContent = `${bird}, ${place}`;
        byId("sightings").prepend(line);
    };
    source.addEventListener("end", () => source.close());
}

async function showWeather() {
    const { text } = await (await fetch("/coded/br?what=weather")).json();
    byId("weather").textContent = text;
}

showWares();
showWeather();
showSightings();
