"""What the new interpreters run; those that call something find its address in ``sys.argv``."""

from __future__ import annotations

LION = 'loyalty_sdk.connect("loyaltylion", api_key="pat_sandbox")'
JOY = 'loyalty_sdk.connect("joy", app_key="sandbox", secret_key="sandbox")'

SESSION = """
import asyncio, aiohttp
async def main():
    async with aiohttp.ClientSession():
        pass
asyncio.run(main())
"""

HTTPX = """
import asyncio, httpx
async def main():
    async with httpx.AsyncClient():
        pass
asyncio.run(main())
"""

STRIPE = 'import stripe; stripe.StripeClient("sk_1")'
OPENAI = 'import openai; openai.AsyncOpenAI(api_key="k")'

OURS_CALLING = """
import asyncio, sys, loyalty_sdk
from decimal import Decimal
from loyalty_sdk import Customer, Order
async def main():
    async with loyalty_sdk.connect(
        "loyaltylion", api_key="pat_sandbox", base_url=sys.argv[1]
    ) as client:
        customer = Customer(id="1001", email="ada@example.com")
        order = Order(id="A-1", customer=customer, total=Decimal("99.99"), payment_status="paid")
        await client.create_order(order)
asyncio.run(main())
"""

_ORDER = """
order = {
    "customer_id": "1001", "customer_email": "ada@example.com", "merchant_id": "A-1",
    "total": "99.99", "payment_status": "paid", "guest": False,
}
headers = {"Authorization": "Bearer pat_sandbox"}
url = f"{sys.argv[1]}/v2/orders"
"""

AIOHTTP_CALLING = f"""
import asyncio, sys, aiohttp
{_ORDER}
async def main():
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.post(url, json=order) as response:
            response.raise_for_status()
            await response.json()
asyncio.run(main())
"""

HTTPX_CALLING = f"""
import asyncio, sys, httpx
{_ORDER}
async def main():
    async with httpx.AsyncClient(headers=headers) as client:
        response = await client.post(url, json=order)
        response.raise_for_status()
        response.json()
asyncio.run(main())
"""
